"""AWS itself refuses to delete what holds data."""

from policies.properties import Properties, must_be, must_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-deletion-protection",
    title="AWS refuses to delete clusters, databases, load balancers, and buckets and "
    "repositories that are not empty.",
    reason="One call by a person or a script that is wrong deletes what nobody can bring back.",
    severity=Severity.HIGH,
    controls=("EUDPR-4.1f", "EUDPR-33.1b-availability", "CYB-8.2o"),
    preview=Properties(
        {
            "aws:ecr/repository:Repository": (
                must_be("forceDelete", False, optional=True, safe=False),
            ),
            "aws:eks/cluster:Cluster": (must_be("deletionProtection", True, safe=True),),
            "aws:lb/loadBalancer:LoadBalancer": (
                must_be("enableDeletionProtection", True, safe=True),
            ),
            "aws:rds/cluster:Cluster": (
                must_be("deletionProtection", True, safe=True),
                must_be("skipFinalSnapshot", False, safe=False),
            ),
            "aws:rds/instance:Instance": (
                must_be("deleteAutomatedBackups", False, safe=False),
                must_be("deletionProtection", True, safe=True),
                must_be("skipFinalSnapshot", False, safe=False),
                must_be_set("finalSnapshotIdentifier"),
            ),
            "aws:s3/bucket:Bucket": (must_be("forceDestroy", False, optional=True, safe=False),),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set the protections, and take them off by hand on the day that it ends.",
)
