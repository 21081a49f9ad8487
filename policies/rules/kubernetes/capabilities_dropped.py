"""Containers have none of root's capabilities."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import pod, security
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="capabilities-dropped",
    title="Containers of tenants have none of root's capabilities, but to listen on low ports.",
    reason="Each capability is a part of root: with NET_RAW a pod forges packets, with SYS_ADMIN "
    "it mounts what it likes.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.2.8", "CIS-K8S-5.2.9", "CIS-K8S-5.2.10"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "variables.containers.all(c, has(c.securityContext) && "
                "has(c.securityContext.capabilities) && "
                "has(c.securityContext.capabilities.drop) && "
                "'ALL' in c.securityContext.capabilities.drop)",
                "securityContext.capabilities.drop must have ALL in every container.",
            ),
            Validation(
                "variables.containers.all(c, !has(c.securityContext) || "
                "!has(c.securityContext.capabilities) || "
                "!has(c.securityContext.capabilities.add) || "
                "c.securityContext.capabilities.add.all(one, one == 'NET_BIND_SERVICE'))",
                "a container adds a capability other than NET_BIND_SERVICE.",
            ),
        ),
        passes=(
            pod(),
            pod(container=security(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})),
        ),
        fails=(
            pod(container=security(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]})),
            pod(container=security(capabilities={"drop": ["NET_RAW"]})),
            pod(container=security(capabilities=None)),
        ),
        corrections=(
            Correction("containers.*.securityContext.capabilities.drop", ("ALL",), (None, [])),
            Correction("initContainers.*.securityContext.capabilities.drop", ("ALL",), (None, [])),
        ),
    ),
    live=ByAdmission(),
    remedy="Set securityContext.capabilities.drop to [ALL] and add nothing.",
)
