"""Who may do what in a cluster on EKS is said in its access entries."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-cluster-access-by-entry",
    title="Access to a cluster is granted by its access entries alone, and nobody has it for "
    "having made the cluster.",
    reason="Whoever made a cluster would otherwise be its administrator for ever without being "
    "listed anywhere, and a ConfigMap inside could add more.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "SATRE-1.5.06", "CYB-8.2h", "CYB-8.3b", "CIS-K8S-5.1.1"),
    preview=Properties(
        {
            "aws:eks/cluster:Cluster": (
                must_be("accessConfig.authenticationMode", "API", broken=("CONFIG_MAP",)),
                must_be("accessConfig.bootstrapClusterCreatorAdminPermissions", False),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `authentication_mode` to API and make an AccessEntry for each role.",
)
