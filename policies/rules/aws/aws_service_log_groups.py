"""Services on AWS find the lab's log group for them."""

from collections.abc import Iterator

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "aws:eks/cluster:Cluster"
_DATABASE = "aws:rds/instance:Instance"
_GROUP = "aws:cloudwatch/logGroup:LogGroup"


def _check(stack: Stack) -> Iterator[Fault]:
    names = {value(one.properties, "name") for one in stack.of_type(_GROUP)}
    for cluster in stack.of_type(_CLUSTER):
        wanted = f"/aws/eks/{value(cluster.properties, 'name')}/cluster"
        if wanted not in names:
            yield Fault(f"there is no log group {wanted}", cluster)
    for database in stack.of_type(_DATABASE):
        own = value(database.properties, "identifier")
        for kind in decided(database.properties, "enabledCloudwatchLogsExports") or []:
            wanted = f"/aws/rds/instance/{own}/{kind}"
            if wanted not in names:
                yield Fault(f"there is no log group {wanted}", database)


RULE = Rule(
    id="aws-service-log-groups",
    title="The cluster and the database write into log groups of the lab.",
    reason="A service that finds no group of its name makes one itself: without a key, for ever.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "SATRE-2.8.01", "EUDPR-4.1e", "CYB-8.2n"),
    preview=Relations(
        about=(_CLUSTER, _DATABASE),
        reads=(_GROUP,),
        check=_check,
        broken=(
            without(_GROUP),
            changed(_GROUP, "name", "/other"),
            changed(_CLUSTER, "name", "another"),
            changed(_DATABASE, "identifier", "another"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make the group with the name that the service looks for.",
)
