"""Network policies are enforced in clusters on AKS."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-cluster-network-policies",
    title="The cluster's network plugin enforces network policies.",
    reason="AKS accepts network policies and ignores them unless a plugin for them was chosen when "
    "the cluster was made: sandboxes would look separated and not be.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.10", "SATRE-2.1.14", "CYB-8.3b", "CIS-K8S-5.3.1"),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be("networkProfile.networkPolicy", "cilium", "calico", broken=("none",)),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `network_policy` to cilium.",
)
