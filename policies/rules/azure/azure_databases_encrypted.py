"""PostgreSQL on Azure is encrypted with a key of the lab's own, its backups included."""

from policies.clouds import must_be_own_vault_key
from policies.properties import Properties, must_be, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-databases-encrypted",
    title="Databases and their copies in another region are encrypted with a key of the lab's own.",
    reason="The copy in the other region has a key of its own, which is Microsoft's unless it is "
    "named.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            "azure-native:dbforpostgresql:Server": (
                must_be("dataEncryption.type", "AzureKeyVault", broken=("SystemManaged",)),
                must_be_own_vault_key("dataEncryption.primaryKeyURI"),
                only_if(
                    "backup.geoRedundantBackup",
                    "Enabled",
                    then=must_be_own_vault_key("dataEncryption.geoBackupKeyURI"),
                ),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `data_encryption` with a key of the lab; it can only be set when a server is made.",
)
