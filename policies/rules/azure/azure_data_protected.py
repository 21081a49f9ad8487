"""No program deletes what holds data on Azure."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, NotHere, Rule, Severity
from policies.spoiling import unprotected

#: Whoever deletes one of these deletes data, or the proof of what was done.
_DATA = (
    "azure-native:authorization:ManagementLockByScope",
    "azure-native:compute:DiskEncryptionSet",
    "azure-native:containerregistry:Registry",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Key",
    "azure-native:keyvault:Vault",
    "azure-native:operationalinsights:Cluster",
    "azure-native:operationalinsights:Workspace",
    "azure-native:resources:ResourceGroup",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:StorageAccount",
)


def _check(stack: Stack) -> Iterator[Fault]:
    for one in stack.of_type(*_DATA):
        if not one.protect:
            yield Fault("a program may delete or replace it (protect)", one)


RULE = Rule(
    id="azure-data-protected",
    title="No program deletes or replaces what holds data, keys or logs.",
    reason="A changed name in the code replaces a resource: the old one is deleted with all that "
    "it holds.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-4.1f", "EUDPR-33.1b-availability", "CYB-8.2o"),
    preview=Relations(
        about=_DATA,
        check=_check,
        broken=(unprotected(*_DATA),),
    ),
    admission=NO_OBJECT,
    live=NotHere("Only Pulumi knows `protect`; Azure's own protection is azure-deletion-locked."),
    remedy="Set `protect=True` in the resource's options.",
)
