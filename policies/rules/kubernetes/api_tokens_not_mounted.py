"""Pods of sandboxes get no way into the cluster's API unasked."""

from policies.admission import Admission, Correction, Default, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="api-tokens-not-mounted",
    title="No pod in a sandbox has a token for the cluster's API mounted by itself.",
    reason="A token in every pod is a login for whoever breaks into one of them.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.6", "SATRE-1.5.03"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "has(variables.pod.automountServiceAccountToken) && "
                "!variables.pod.automountServiceAccountToken",
                "automountServiceAccountToken must be false.",
            ),
        ),
        passes=(pod(),),
        fails=(pod(automountServiceAccountToken=True),),
        defaults=(Default(("automountServiceAccountToken",), False),),
        corrections=(Correction("automountServiceAccountToken", False, (None, True)),),
    ),
    live=ByAdmission(),
    remedy="Set automountServiceAccountToken to false; mount a projected token for whom it is.",
)
