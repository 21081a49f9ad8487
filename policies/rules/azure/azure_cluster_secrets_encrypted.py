"""Secrets of Kubernetes on Azure are encrypted in etcd with a key of the lab's own."""

from policies.clouds import must_be_own_vault_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_KMS = "securityProfile.azureKeyVaultKms"

RULE = Rule(
    id="azure-cluster-secrets-encrypted",
    title="Secrets of a cluster on AKS are encrypted with a key of the lab's own, in a vault that "
    "is not public.",
    reason="Who gets at a copy of etcd otherwise reads the credentials of every sandbox.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d", "CIS-K8S-1.2.27"),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be(f"{_KMS}.enabled", True),
                must_be_own_vault_key(f"{_KMS}.keyId"),
                must_be(f"{_KMS}.keyVaultNetworkAccess", "Private", broken=("Public",)),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `azure_key_vault_kms` with a key of the lab.",
)
