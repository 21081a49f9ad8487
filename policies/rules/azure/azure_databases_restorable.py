"""A database on Azure outlives a bad day."""

from policies.properties import Properties, must_be_at_least
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-databases-restorable",
    title="Databases are backed up for two weeks at least.",
    reason="Errors are found after days; a backup of yesterday then holds them as well.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.6.01",
        "EUDPR-33.1c",
        "CYB-8.2o",
    ),
    preview=Properties(
        {
            "azure-native:dbforpostgresql:Server": (
                must_be_at_least("backup.backupRetentionDays", 14, unit="days", safe=14),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `backup_retention_days`.",
)
