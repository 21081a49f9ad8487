"""No container of a tenant is privileged."""

from typing import Any

from policies.admission import Admission, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_HOST = {"hostProcess": True}
_WINDOWS: dict[str, Any] = {"os": {"name": "windows"}, "hostNetwork": True}

RULE = Rule(
    id="no-privileged-containers",
    title="No container of a tenant is privileged.",
    reason="A privileged container is root on its node, and so in every sandbox there.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-5.2.2", "CIS-K8S-5.2.11", "SATRE-2.1.14", "EUDPR-33.1b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.privileged) || !c.securityContext.privileged)",
                "a container is privileged.",
            ),
            Validation(
                "variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.windowsOptions) || "
                "!has(c.securityContext.windowsOptions.hostProcess) || "
                "!c.securityContext.windowsOptions.hostProcess)",
                "a container is a process of its Windows node.",
            ),
            Validation(
                "!has(variables.pod.securityContext) || "
                "!has(variables.pod.securityContext.windowsOptions) || "
                "!has(variables.pod.securityContext.windowsOptions.hostProcess) || "
                "!variables.pod.securityContext.windowsOptions.hostProcess",
                "the pod's containers are processes of their Windows node.",
            ),
        ),
        passes=(pod(), pod(container=security(privileged=False))),
        fails=(
            pod(container=security(windowsOptions=_HOST), **_WINDOWS),
            pod(securityContext={"windowsOptions": _HOST}, **_WINDOWS),
            pod(container=security(privileged=True, allowPrivilegeEscalation=None)),
            pod(
                initContainers=[
                    {"name": "first", "image": "x", "securityContext": {"privileged": True}}
                ]
            ),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave `privileged` out.",
)
