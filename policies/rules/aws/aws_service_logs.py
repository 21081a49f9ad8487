"""API servers and databases on AWS log what is asked of them."""

from policies.properties import Properties, must_be_set, must_contain, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: EKS has no others (docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html).
_ALL = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
_EXPORTS = (
    must_be_set("enabledCloudwatchLogsExports"),
    only_if("engine", "postgres", then=must_contain("enabledCloudwatchLogsExports", "postgresql")),
)

RULE = Rule(
    id="aws-service-logs",
    title="The control plane and the database write their logs out.",
    reason="The API server's audit log is the only record of who read a secret or ran a command "
    "in a pod; EKS keeps none unless it is told to.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "CYB-8.2n", "AIA-4a.1c", "CIS-K8S-3.2.1"),
    preview=Properties(
        {
            "aws:eks/cluster:Cluster": (
                must_contain(
                    "enabledClusterLogTypes",
                    "api",
                    "audit",
                    "authenticator",
                    "controllerManager",
                    "scheduler",
                    safe=_ALL,
                ),
            ),
            "aws:rds/cluster:Cluster": _EXPORTS,
            "aws:rds/instance:Instance": _EXPORTS,
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enabled_cluster_log_types` to all five, `enabled_cloudwatch_logs_exports` to the "
    "logs of the engine.",
)
