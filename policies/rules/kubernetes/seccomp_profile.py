"""Containers may not use the system calls that none of them needs."""

from policies.admission import Admission, Correction, Default, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_KNOWN = "['RuntimeDefault', 'Localhost']"
_POD = (
    "has(variables.pod.securityContext) && has(variables.pod.securityContext.seccompProfile) && "
    f"variables.pod.securityContext.seccompProfile.type in {_KNOWN}"
)

RULE = Rule(
    id="seccomp-profile",
    title="Containers of tenants run under a seccomp profile.",
    reason="Most ways out of a container begin with a system call that no ordinary program makes; "
    "the profile refuses these.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.7.2", "EUDPR-33.1b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                f"({_POD}) ? variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.seccompProfile) || "
                f"c.securityContext.seccompProfile.type in {_KNOWN}) : "
                "variables.containers.all(c, has(c.securityContext) && "
                "has(c.securityContext.seccompProfile) && "
                f"c.securityContext.seccompProfile.type in {_KNOWN})",
                "seccompProfile.type must be RuntimeDefault or Localhost for every container.",
            ),
        ),
        passes=(
            pod(),
            pod(
                container=security(seccompProfile={"type": "RuntimeDefault"}),
                securityContext={"runAsNonRoot": True},
            ),
        ),
        fails=(
            pod(
                securityContext={
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "Unconfined"},
                }
            ),
            pod(container=security(seccompProfile={"type": "Unconfined"})),
        ),
        defaults=(Default(("securityContext", "seccompProfile"), {"type": "RuntimeDefault"}),),
        corrections=(
            Correction(
                "securityContext.seccompProfile.type", "RuntimeDefault", (None, "Unconfined")
            ),
            Correction(
                "containers.*.securityContext.seccompProfile.type",
                "RuntimeDefault",
                ("Unconfined",),
            ),
            Correction(
                "initContainers.*.securityContext.seccompProfile.type",
                "RuntimeDefault",
                ("Unconfined",),
            ),
        ),
    ),
    live=ByAdmission(),
    remedy="Set securityContext.seccompProfile.type to RuntimeDefault.",
)
