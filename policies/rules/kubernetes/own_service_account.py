"""Workloads do not run as the service account that everybody has."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="own-service-account",
    title="Workloads in sandboxes say which service account they are.",
    reason="What is given to the default account is given to every pod that says nothing.",
    severity=Severity.MEDIUM,
    controls=("CIS-K8S-5.1.5",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "has(variables.pod.serviceAccountName) && "
                "!(variables.pod.serviceAccountName in ['', 'default'])",
                "serviceAccountName should be another than default.",
            ),
        ),
        passes=(pod(),),
        fails=(pod(serviceAccountName="default"), pod(serviceAccountName=None)),
    ),
    live=ByAdmission(),
    remedy="Set serviceAccountName to sandbox, which every sandbox has.",
)
