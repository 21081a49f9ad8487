"""Everything on AWS is in the Union, and in one account."""

from infra.regions import AWS_REGIONS
from policies.properties import Must, Properties, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_REGION = "|".join(AWS_REGIONS)
_ELSEWHERE = ("us-east-1", "eu-west-2", "eu-central-2")


def _region(path: str, *, optional: bool = True) -> Must:
    return must_match(path, _REGION, "a region in the Union", broken=_ELSEWHERE, optional=optional)


def _zone(path: str) -> Must:
    zones = tuple(f"{region}a" for region in _ELSEWHERE)
    return must_match(path, f"({_REGION})[a-z]", "a zone in the Union", broken=zones, optional=True)


#: Whatever holds or handles data may name another region than its provider's.
_TYPES = (
    "aws:backup/vault:Vault",
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ec2/instance:Instance",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:fsx/lustreFileSystem:LustreFileSystem",
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:lambda/function:Function",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:sagemaker/domain:Domain",
    "aws:secretsmanager/secret:Secret",
    "aws:sqs/queue:Queue",
)

RULE = Rule(
    id="aws-regions-eu",
    title="Everything of a lab is in a region of the Union, and its provider works in the lab's "
    "account alone.",
    reason="Data of people leaves the Union only on conditions that no default setting meets; and "
    "a login to the wrong account would put it there.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-46", "EUDPR-47.1", "EUDPR-29.3a", "CYB-8.2c", "AIA-4a.1d"),
    preview=Properties(
        {
            "pulumi:providers:aws": (
                _region("region", optional=False),
                Must(
                    "allowedAccountIds",
                    "the lab's own account",
                    lambda found: found not in (None, "", "[]", []),
                    ("[]", []),
                ),
            ),
            **dict.fromkeys(_TYPES, (_region("region"), _zone("availabilityZone"))),
        },
        forbidden={
            # They copy to a region that no property of a region names.
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig": {"bucket": "some"},
            "aws:ecr/replicationConfiguration:ReplicationConfiguration": {},
            "aws:rds/globalCluster:GlobalCluster": {"globalClusterIdentifier": "some"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Choose a region of the Union in the lab's configuration.",
)
