"""Containers of a pod do not see each other."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-shared-processes",
    title="Containers of one pod do not see each other's processes.",
    reason="A container that sees another's processes reads its memory, its files and its secrets.",
    severity=Severity.MEDIUM,
    controls=("CIS-K8S-5.7.3",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "!has(variables.pod.shareProcessNamespace) || !variables.pod.shareProcessNamespace",
                "shareProcessNamespace should be left out.",
            ),
        ),
        passes=(
            pod(),
            pod(shareProcessNamespace=False),
        ),
        fails=(pod(shareProcessNamespace=True),),
        corrections=(Correction("shareProcessNamespace", False, (True,)),),
    ),
    live=ByAdmission(),
    remedy="Leave shareProcessNamespace out.",
)
