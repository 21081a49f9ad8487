"""Pods of tenants are not more important than the cluster itself."""

from policies.admission import Admission, Scope, Validation
from policies.examples import deployment, pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-system-priority",
    title="Pods of tenants do not have the priority of the cluster's own.",
    reason="A pod with such a priority drives DNS and the network off a full node.",
    severity=Severity.HIGH,
    controls=("SATRE-2.3.03", "EUDPR-33.1b-availability"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(variables.pod.priorityClassName) || "
                "!variables.pod.priorityClassName.startsWith('system-')",
                "priorityClassName is one of the cluster's own.",
            ),
            Validation(
                "!has(variables.pod.priority) || variables.pod.priority < 2000000000",
                "the priority is one of the cluster's own.",
            ),
        ),
        passes=(pod(),),
        fails=(
            deployment(priority=2000000000),
            pod(priorityClassName="system-node-critical"),
            pod(priorityClassName="system-cluster-critical"),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave priorityClassName out.",
)
