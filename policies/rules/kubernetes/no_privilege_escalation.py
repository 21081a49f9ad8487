"""No process of a container gains rights that its parent did not have."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-privilege-escalation",
    title="No process in a tenant's container gains rights that its parent did not have.",
    reason="A program with the setuid bit makes root of an ordinary user.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.2.6", "EUDPR-33.1b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "variables.containers.all(c, has(c.securityContext) && "
                "has(c.securityContext.allowPrivilegeEscalation) && "
                "!c.securityContext.allowPrivilegeEscalation)",
                "securityContext.allowPrivilegeEscalation must be false in every container.",
            ),
        ),
        passes=(pod(),),
        fails=(
            pod(container=security(allowPrivilegeEscalation=True)),
            pod(container=security(allowPrivilegeEscalation=None)),
            pod(container={"securityContext": None}),
        ),
        corrections=(
            Correction(
                "containers.*.securityContext.allowPrivilegeEscalation", False, (None, True)
            ),
            Correction(
                "initContainers.*.securityContext.allowPrivilegeEscalation", False, (None, True)
            ),
        ),
    ),
    live=ByAdmission(),
    remedy="Set securityContext.allowPrivilegeEscalation to false.",
)
