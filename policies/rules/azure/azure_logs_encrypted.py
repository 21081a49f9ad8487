"""Logs on Azure are encrypted with a key of the lab's own, or somebody says why not."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_WORKSPACE = "azure-native:operationalinsights:Workspace"
_CLUSTER = "azure-native:operationalinsights:Cluster"
_LINK = "azure-native:operationalinsights:LinkedService"
#: A cluster for logs costs for a hundred gigabytes a day, whatever is written.
_BECAUSE = "platform-key-because"


def _check(stack: Stack) -> Iterator[Fault]:
    for cluster in stack.of_type(_CLUSTER):
        if value(cluster.properties, "isDoubleEncryptionEnabled") is not True:
            yield Fault("it is not encrypted twice (isDoubleEncryptionEnabled)", cluster)
        if not value(cluster.properties, "keyVaultProperties.keyName"):
            yield Fault("Microsoft's key encrypts it (keyVaultProperties)", cluster)
    linked = {
        cluster.urn
        for link in stack.of_type(_LINK)
        for cluster in stack.named_by(link, "writeAccessResourceId")
        if cluster.type == _CLUSTER
    }
    for workspace in stack.of_type(_WORKSPACE):
        if value(workspace.properties, f"tags.{_BECAUSE}"):
            continue
        if not linked:
            yield Fault(f"Microsoft's key encrypts it, and no tag {_BECAUSE} says why", workspace)
        if value(workspace.properties, "forceCmkForQuery") is not True:
            yield Fault("queries are saved outside of it (forceCmkForQuery)", workspace)


RULE = Rule(
    id="azure-logs-encrypted",
    title="Logs are encrypted with a key of the lab's own, or the workspace says why they are not.",
    reason="Logs say who worked with what and sometimes repeat what was said.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.8.01", "SATRE-2.5.03", "EUDPR-33.1a-rest"),
    preview=Relations(
        about=(_WORKSPACE,),
        reads=(_CLUSTER, _LINK),
        check=_check,
        broken=(
            without(_CLUSTER),
            without(_LINK),
            changed(_LINK, "writeAccessResourceId", "another"),
            changed(_WORKSPACE, "forceCmkForQuery", False),
            changed(_WORKSPACE, "forceCmkForQuery", None),
            changed(_CLUSTER, "isDoubleEncryptionEnabled", False),
            changed(_CLUSTER, "keyVaultProperties", None),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Link the workspace to a cluster with a key of the lab.",
)
