"""No pod of a tenant shares anything with its node."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-host-access",
    title="No pod of a tenant shares its node's network, processes, memory or ports.",
    reason="A pod that sees its node sees every other sandbox on it.",
    severity=Severity.CRITICAL,
    controls=(
        "CIS-K8S-5.2.3",
        "CIS-K8S-5.2.4",
        "CIS-K8S-5.2.5",
        "CIS-K8S-5.2.13",
        "SATRE-2.1.14",
    ),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(variables.pod.hostNetwork) || !variables.pod.hostNetwork",
                "hostNetwork puts the pod onto its node's network, past every network policy.",
            ),
            Validation(
                "!has(variables.pod.hostPID) || !variables.pod.hostPID",
                "hostPID shows the pod every process of its node.",
            ),
            Validation(
                "!has(variables.pod.hostIPC) || !variables.pod.hostIPC",
                "hostIPC shares memory with the processes of the node.",
            ),
            Validation(
                "variables.containers.all(c, !has(c.ports) || "
                "c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
                "hostPort listens on the node's own address.",
            ),
        ),
        passes=(pod(), pod(hostNetwork=False)),
        fails=(
            pod(hostNetwork=True),
            pod(hostPID=True),
            pod(hostIPC=True),
            pod(container={"ports": [{"containerPort": 80, "hostPort": 80}]}),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave the host fields out; put a Service in front of what must be reached.",
)
