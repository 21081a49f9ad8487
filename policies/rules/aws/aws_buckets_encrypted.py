"""Objects in S3 are encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_DEFAULT = "rules.*.applyServerSideEncryptionByDefault"

RULE = Rule(
    id="aws-buckets-encrypted",
    title="Objects in S3 are encrypted with a key of the lab's own.",
    reason="With the provider's key, whoever gets read access to a bucket reads it: no second lock "
    "stands behind the first, and nothing tells who used the key.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            "aws:s3/bucketServerSideEncryptionConfiguration"
            ":BucketServerSideEncryptionConfiguration": (
                must_be(f"{_DEFAULT}.sseAlgorithm", "aws:kms", "aws:kms:dsse", broken=("AES256",)),
                must_be_own_key(f"{_DEFAULT}.kmsMasterKeyId"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `sse_algorithm` to aws:kms and `kms_master_key_id` to a key of the lab.",
)
