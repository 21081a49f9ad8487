"""No bucket, image of a disk or object can be made public."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_BLOCK = tuple(
    must_be(flag, True, safe=True)
    for flag in (
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
    )
)

RULE = Rule(
    id="aws-buckets-not-public",
    title="No bucket and no snapshot can be made public, on purpose or by mistake.",
    reason="Most data that leaked from clouds lay in a bucket that one wrong setting had opened.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.1.05", "SATRE-3.1.12", "EUDPR-4.1f", "CYB-8.2c", "AIA-4a.1d"),
    preview=Properties(
        {
            "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": (
                must_be(
                    "state",
                    "block-all-sharing",
                    safe="block-all-sharing",
                    broken=("unblocked", "block-new-sharing"),
                ),
            ),
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": _BLOCK,
            "aws:s3/bucket:Bucket": (
                must_be("acl", "private", broken=("public-read",), optional=True),
            ),
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
                must_be("rule.objectOwnership", "BucketOwnerEnforced", broken=("ObjectWriter",)),
            ),
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _BLOCK,
        },
        forbidden={
            "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission": {
                "accountId": "210987654321"
            },
            "aws:ecrpublic/repository:Repository": {"repositoryName": "open"},
            "aws:s3/bucketAcl:BucketAcl": {"acl": "public-read"},
            "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration": {"bucket": "open"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set all four flags of the public access block and leave access lists out.",
)
