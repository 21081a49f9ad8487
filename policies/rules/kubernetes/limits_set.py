"""Containers say how much they need and how much they may take."""

from policies.admission import Admission, Scope, Validation
from policies.examples import deployment, pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_SET = (
    "variables.containers.all(c, has(c.resources) && has(c.resources.{what}) && "
    "'cpu' in c.resources.{what} && 'memory' in c.resources.{what})"
)


def _resources(**given: dict[str, str]) -> dict[str, object]:
    return {"resources": given}


_CPU, _BOTH = {"cpu": "1"}, {"cpu": "1", "memory": "64Mi"}

RULE = Rule(
    id="limits-set",
    title="Containers in sandboxes say how much processor time and memory they may take.",
    reason="One container without a limit can take what the others on its node were promised.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.3.03", "SATRE-2.3.04", "EUDPR-33.1b-availability"),
    preview=ByAdmission(),
    # Pods get the sandbox's defaults before they are looked at; who describes them is told.
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                _SET.format(what="limits"),
                "resources.limits should have cpu and memory in every container.",
            ),
            Validation(
                _SET.format(what="requests"),
                "resources.requests should have cpu and memory in every container.",
            ),
        ),
        passes=(pod(),),
        fails=(
            deployment(container=_resources(limits=_CPU, requests=_BOTH)),
            deployment(container=_resources(limits=_BOTH, requests=_CPU)),
            deployment(container={"resources": None}),
        ),
    ),
    live=ByAdmission(),
    remedy="Set resources.requests and resources.limits for cpu and memory.",
)
