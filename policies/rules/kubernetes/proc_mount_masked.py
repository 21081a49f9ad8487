"""Containers do not see the parts of /proc that concern their node."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="proc-mount-masked",
    title="Containers of tenants see /proc with the node's own parts hidden.",
    reason="Unmasked, /proc shows the node's keys and memory, and lets some settings be written.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.7.3",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.procMount) || c.securityContext.procMount == 'Default')",
                "procMount must be Default.",
            ),
        ),
        passes=(pod(), pod(container=security(procMount="Default"))),
        fails=(pod(container=security(procMount="Unmasked"), hostUsers=False),),
        corrections=(
            Correction("containers.*.securityContext.procMount", "Default", ("Unmasked",)),
            Correction("initContainers.*.securityContext.procMount", "Default", ("Unmasked",)),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave procMount out.",
)
