"""What is overwritten or deleted in a bucket can be brought back."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-objects-versioned",
    title="Buckets keep the older versions of their objects.",
    reason="Whoever encrypts or empties a bucket, an attacker or a script, leaves nothing behind "
    "where there are no versions.",
    severity=Severity.HIGH,
    controls=("SATRE-2.6.01", "SATRE-3.1.11", "EUDPR-33.1c", "CYB-8.2o"),
    preview=Properties(
        {
            "aws:s3/bucketVersioning:BucketVersioning": (
                must_be(
                    "versioningConfiguration.status",
                    "Enabled",
                    safe="Enabled",
                    broken=("Suspended",),
                ),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `status` to Enabled, and let a lifecycle rule delete old versions.",
)
