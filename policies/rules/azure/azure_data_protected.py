"""No program deletes what holds data on Azure."""

from policies.clouds import protected
from policies.rule import NO_OBJECT, NotHere, Rule, Severity

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


RULE = Rule(
    id="azure-data-protected",
    title="No program deletes or replaces what holds data, keys or logs.",
    reason="A changed name in the code replaces a resource: the old one is deleted with all that "
    "it holds.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-4.1f", "EUDPR-33.1b-availability", "CYB-8.2o"),
    preview=protected(*_DATA),
    admission=NO_OBJECT,
    live=NotHere("Only Pulumi knows `protect`; Azure's own protection is azure-deletion-locked."),
    remedy="Set `protect=True` in the resource's options.",
)
