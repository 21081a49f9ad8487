"""No budget keeps a node from being emptied."""

from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import BUDGET
from policies.rule import ByAdmission, Rule, Severity


def _budget(**spec: object) -> dict[str, object]:
    selector = {"matchLabels": {"app": "example"}}
    return manifest(
        "PodDisruptionBudget", api_version="policy/v1", spec={"selector": selector, **spec}
    )


RULE = Rule(
    id="no-blocking-budgets",
    title="Disruption budgets of sandboxes leave a pod that may be moved.",
    reason="A node that cannot be emptied cannot be patched.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.7.02",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(BUDGET,),
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "!has(object.spec.maxUnavailable) || "
                "!(string(object.spec.maxUnavailable) in ['0', '0%'])",
                "maxUnavailable should be 1 or more.",
            ),
            Validation(
                "!has(object.spec.minAvailable) || object.spec.minAvailable != '100%'",
                "minAvailable should be less than 100%.",
            ),
        ),
        passes=(
            _budget(maxUnavailable=1),
            _budget(minAvailable="50%"),
        ),
        fails=(
            _budget(maxUnavailable=0),
            _budget(minAvailable="100%"),
        ),
    ),
    live=ByAdmission(),
    remedy="Allow one pod to be moved.",
)
