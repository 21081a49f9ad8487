"""Nobody but the scheduler says on which node a pod runs."""

from policies.admission import Admission, Scope, Validation
from policies.examples import deployment, pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-node-of-ones-choice",
    title="Pods of sandboxes do not name the node that they run on.",
    reason="A pod that names its node goes past the scheduler, and with it past taints and space.",
    severity=Severity.HIGH,
    controls=("SATRE-2.1.14", "SATRE-2.3.03"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "!has(variables.pod.nodeName) || variables.pod.nodeName == '' || (object.kind == "
                "'Pod' && has(object.metadata.resourceVersion))",
                "nodeName is for the scheduler to say.",
            ),
        ),
        passes=(
            pod(),
            pod(nodeSelector={"kubernetes.io/os": "linux"}),
        ),
        fails=(
            pod(nodeName="node-1"),
            deployment(nodeName="node-1"),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave nodeName out; use nodeSelector for a kind of node.",
)
