"""Storage accounts are encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_vault_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-storage-encrypted",
    title="Storage accounts are encrypted twice, once with a key of the lab's own.",
    reason="With Microsoft's key alone, nobody in the lab can end access to what was stored.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            "azure-native:storage:StorageAccount": (
                must_be(
                    "encryption.keySource", "Microsoft.Keyvault", broken=("Microsoft.Storage",)
                ),
                must_be_own_vault_key("encryption.keyVaultProperties.keyVaultUri"),
                must_be_own_vault_key("encryption.keyVaultProperties.keyName"),
                must_be("encryption.requireInfrastructureEncryption", True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `key_source` to Microsoft.Keyvault with a key of the lab.",
)
