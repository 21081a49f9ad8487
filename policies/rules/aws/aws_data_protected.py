"""No program deletes what holds data on AWS."""

from policies.clouds import protected
from policies.rule import NO_OBJECT, NotHere, Rule, Severity

#: Whoever deletes one of these deletes data, or the proof of what was done.
_DATA = (
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:eks/cluster:Cluster",
    "aws:kms/key:Key",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketVersioning:BucketVersioning",
)


RULE = Rule(
    id="aws-data-protected",
    title="No program deletes or replaces what holds data, keys or logs.",
    reason="A changed name in the code replaces a resource: the old one is deleted with all that "
    "it holds.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-4.1f", "EUDPR-33.1b-availability", "CYB-8.2o"),
    preview=protected(*_DATA),
    admission=NO_OBJECT,
    live=NotHere("Only Pulumi knows `protect`; AWS's own protection is aws-deletion-protection."),
    remedy="Set `protect=True` in the resource's options.",
)
