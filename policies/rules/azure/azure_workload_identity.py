"""Pods on AKS have identities of their own."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-workload-identity",
    title="Pods get short-lived tokens for an identity of their own.",
    reason="Without it, what a pod needs of Azure is a password in a secret, or the node's rights.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "SATRE-1.5.05", "CYB-8.2h", "CYB-8.3b"),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be("oidcIssuerProfile.enabled", True),
                must_be("securityProfile.workloadIdentity.enabled", True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Enable `oidc_issuer_profile` and `workload_identity`.",
)
