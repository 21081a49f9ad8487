"""No pod of a tenant shares anything with its node."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-host-access",
    title="No pod of a tenant shares its node's network, processes, files or ports.",
    reason="A pod that sees its node sees every other sandbox on it.",
    severity=Severity.CRITICAL,
    controls=("cis-kubernetes/5.2.3", "cis-kubernetes/5.2.4", "cis-kubernetes/5.2.5"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!(has(variables.pod.hostNetwork) && variables.pod.hostNetwork)",
                "hostNetwork puts the pod onto its node's network, past every network policy.",
            ),
            Validation(
                "!(has(variables.pod.hostPID) && variables.pod.hostPID)",
                "hostPID shows the pod every process of its node.",
            ),
            Validation(
                "!(has(variables.pod.hostIPC) && variables.pod.hostIPC)",
                "hostIPC shares memory with the processes of the node.",
            ),
            Validation(
                "!has(variables.pod.volumes) || variables.pod.volumes.all(v, !has(v.hostPath))",
                "hostPath mounts the node's files.",
            ),
            Validation(
                "variables.containers.all(c, !has(c.ports) || "
                "c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
                "hostPort listens on the node's own address.",
            ),
        ),
        passes=(pod(), pod(volumes=[{"name": "scratch", "emptyDir": {}}])),
        fails=(
            pod(hostNetwork=True),
            pod(hostPID=True),
            pod(hostIPC=True),
            pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
            pod(container={"ports": [{"containerPort": 80, "hostPort": 80}]}),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave the host fields out; use emptyDir or a claim for files and a Service for ports.",
)
