"""No pod of a sandbox is the person who works in it."""

from infra import naming
from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_PRINCIPAL = naming.PRINCIPAL_SERVICE_ACCOUNT


RULE = Rule(
    id="no-principal-in-pods",
    title="No pod in a sandbox runs as the account of the person who works in it.",
    reason="The system under test would have the rights of whoever tests it: to start pods, to "
    "run commands in them, to remove what was found.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "CIS-K8S-5.1.5"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "!has(variables.pod.serviceAccountName) || "
                f"variables.pod.serviceAccountName != '{_PRINCIPAL}'",
                f"serviceAccountName must be another than {_PRINCIPAL}.",
            ),
        ),
        passes=(pod(),),
        fails=(pod(serviceAccountName=_PRINCIPAL),),
    ),
    live=ByAdmission(),
    remedy="Set serviceAccountName to sandbox, which every sandbox has.",
)
