"""Containers cannot write to their own image."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="read-only-root-filesystem",
    title="Containers of tenants cannot write to their own image.",
    reason="Who breaks into a container that can be written to can leave a program there, or "
    "change those that run.",
    severity=Severity.LOW,
    controls=("CIS-K8S-5.7.3", "EUDPR-33.1b-integrity"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "variables.containers.all(c, has(c.securityContext) && "
                "has(c.securityContext.readOnlyRootFilesystem) && "
                "c.securityContext.readOnlyRootFilesystem)",
                "securityContext.readOnlyRootFilesystem should be true in every container.",
            ),
        ),
        passes=(pod(),),
        fails=(
            pod(container=security(readOnlyRootFilesystem=False)),
            pod(container=security(readOnlyRootFilesystem=None)),
        ),
        corrections=(
            Correction("containers.*.securityContext.readOnlyRootFilesystem", True, (None, False)),
            Correction(
                "initContainers.*.securityContext.readOnlyRootFilesystem", True, (None, False)
            ),
        ),
    ),
    live=ByAdmission(),
    remedy="Set readOnlyRootFilesystem to true, and mount an emptyDir where files are written.",
)
