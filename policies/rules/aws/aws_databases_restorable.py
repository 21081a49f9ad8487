"""A database on AWS outlives a failed zone and a bad day."""

from policies.properties import Properties, must_be, must_be_at_least, must_be_between
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-databases-restorable",
    title="Databases are backed up for two weeks at least, and run in two zones.",
    reason="Errors are found after days; a backup of yesterday then holds them as well.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.6.01",
        "SATRE-2.6.02",
        "AIA-15.4-redundancy",
        "EUDPR-33.1c",
        "CYB-8.2o",
    ),
    preview=Properties(
        {
            "aws:rds/cluster:Cluster": (
                must_be_at_least("backupRetentionPeriod", 14, unit="days"),
                must_be("copyTagsToSnapshot", True, safe=True),
            ),
            "aws:rds/instance:Instance": (
                must_be_between("backupRetentionPeriod", 14, 35, unit="days"),
                must_be("copyTagsToSnapshot", True, safe=True),
                must_be("multiAz", True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `backup_retention_period` and `multi_az`.",
)
