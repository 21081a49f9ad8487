"""No container of a tenant runs as root."""

from policies.admission import Admission, Correction, Default, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_POD = (
    "has(variables.pod.securityContext) && has(variables.pod.securityContext.runAsNonRoot) && "
    "variables.pod.securityContext.runAsNonRoot"
)

RULE = Rule(
    id="run-as-non-root",
    title="No container of a tenant runs as root.",
    reason="Root in a container is root on its node as soon as the container's walls have a hole.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.2.7", "EUDPR-33.1b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                f"({_POD}) ? variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.runAsNonRoot) || c.securityContext.runAsNonRoot) : "
                "variables.containers.all(c, has(c.securityContext) && "
                "has(c.securityContext.runAsNonRoot) && c.securityContext.runAsNonRoot)",
                "runAsNonRoot must be true for the pod, and false for none of its containers.",
            ),
            Validation(
                "!has(variables.pod.securityContext) || "
                "!has(variables.pod.securityContext.runAsUser) || "
                "variables.pod.securityContext.runAsUser != 0",
                "the pod runs as user 0.",
            ),
            Validation(
                "variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.runAsUser) || c.securityContext.runAsUser != 0)",
                "a container runs as user 0.",
            ),
        ),
        passes=(
            pod(),
            pod(
                container=security(runAsNonRoot=True),
                securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
            ),
        ),
        fails=(
            pod(securityContext={"runAsNonRoot": False}),
            pod(container=security(runAsNonRoot=False)),
            pod(container=security(runAsUser=0)),
            pod(securityContext={"runAsNonRoot": True, "runAsUser": 0}),
        ),
        defaults=(Default(("securityContext", "runAsNonRoot"), True),),
        corrections=(
            Correction("securityContext.runAsNonRoot", True, (None, False)),
            Correction("containers.*.securityContext.runAsNonRoot", True, (False,)),
            Correction("initContainers.*.securityContext.runAsNonRoot", True, (False,)),
        ),
    ),
    live=ByAdmission(),
    remedy="Give the image an ordinary user, and set securityContext.runAsNonRoot to true.",
)
