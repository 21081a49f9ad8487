"""What is overwritten or deleted in a store on Azure can be brought back, and is not public."""

from policies.properties import Properties, must_be, must_be_at_least
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-objects-restorable",
    title="Stores keep older versions and what was deleted for a month at least.",
    reason="Whoever encrypts or empties a store, an attacker or a script, leaves nothing behind "
    "where there are no versions.",
    severity=Severity.HIGH,
    controls=("SATRE-2.6.01", "SATRE-3.1.11", "EUDPR-33.1c", "CYB-8.2o"),
    preview=Properties(
        {
            "azure-native:storage:BlobServiceProperties": (
                must_be("isVersioningEnabled", True, safe=True),
                must_be("deleteRetentionPolicy.enabled", True, safe=True),
                must_be_at_least("deleteRetentionPolicy.days", 30, unit="days", safe=30),
                must_be("containerDeleteRetentionPolicy.enabled", True, safe=True),
                must_be_at_least("containerDeleteRetentionPolicy.days", 30, unit="days", safe=30),
                must_be("changeFeed.enabled", True, safe=True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `is_versioning_enabled` and both retention policies.",
)
