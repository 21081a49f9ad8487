"""Databases on AWS are encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_key
from policies.properties import Properties, must_be, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-databases-encrypted",
    title="Databases, their measurements and their first password are encrypted with a key of "
    "the lab's own.",
    reason="Snapshots, logs of queries and the password of the first user hold as much as the "
    "tables do, and are easier to copy.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            type_: (
                must_be("storageEncrypted", True),
                must_be_own_key("kmsKeyId"),
                only_if(
                    "manageMasterUserPassword",
                    True,
                    then=must_be_own_key("masterUserSecretKmsKeyId"),
                ),
                only_if(
                    "performanceInsightsEnabled",
                    True,
                    then=must_be_own_key("performanceInsightsKmsKeyId"),
                ),
            )
            for type_ in ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `storage_encrypted` and the three `..._kms_key_id` to a key of the lab.",
)
