"""Pods of sandboxes stay off the control plane."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-control-plane-tolerations",
    title="Pods of sandboxes do not tolerate the control plane's taint.",
    reason="Beside the control plane, a way out of a container ends at the keys of the whole "
    "cluster.",
    severity=Severity.HIGH,
    controls=("SATRE-2.1.14",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "!has(variables.pod.tolerations) || variables.pod.tolerations.all(t, has(t.key) "
                "&& t.key != '' && !t.key.startsWith('node-role.kubernetes.io/'))",
                "a toleration is for the control plane, or for everything.",
            ),
        ),
        passes=(
            pod(),
            pod(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}]),
        ),
        fails=(
            pod(tolerations=[{"operator": "Exists"}]),
            pod(
                tolerations=[
                    {
                        "key": "node-role.kubernetes.io/control-plane",
                        "operator": "Exists",
                        "effect": "NoSchedule",
                    }
                ]
            ),
        ),
    ),
    live=ByAdmission(),
    remedy="Name the one taint that the pod is meant for.",
)
