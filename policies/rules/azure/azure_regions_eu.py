"""Everything on Azure is in the Union."""

from infra.regions import AZURE_REGIONS
from policies.properties import Must, Properties, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_REGION = "|".join(AZURE_REGIONS)


def _location(path: str = "location", *, optional: bool = False) -> Must:
    return must_match(
        path,
        _REGION,
        "a region in the Union",
        broken=("eastus", "uksouth", "switzerlandnorth", "norwayeast"),
        optional=optional,
    )


#: Whatever holds or handles data says where it is; names of the whole world (global) hold none.
_TYPES = (
    "azure-native:cognitiveservices:Account",
    "azure-native:compute:Disk",
    "azure-native:compute:DiskEncryptionSet",
    "azure-native:compute:Snapshot",
    "azure-native:compute:VirtualMachine",
    "azure-native:compute:VirtualMachineScaleSet",
    "azure-native:containerregistry:Registry",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Vault",
    "azure-native:machinelearningservices:Workspace",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:network:FlowLog",
    "azure-native:network:LoadBalancer",
    "azure-native:network:NetworkInterface",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:PrivateEndpoint",
    "azure-native:network:PublicIPAddress",
    "azure-native:network:RouteTable",
    "azure-native:network:VirtualNetwork",
    "azure-native:operationalinsights:Cluster",
    "azure-native:operationalinsights:Workspace",
    "azure-native:recoveryservices:Vault",
    "azure-native:redis:Redis",
    "azure-native:resources:ResourceGroup",
    "azure-native:storage:StorageAccount",
)

RULE = Rule(
    id="azure-regions-eu",
    title="Everything of a lab is in a region of the Union.",
    reason="Data of people leaves the Union only on conditions that no default setting meets.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-46", "EUDPR-47.1", "CYB-8.2c", "AIA-4a.1d"),
    preview=Properties(
        {
            "pulumi:providers:azure-native": (_location(optional=True),),
            **dict.fromkeys(_TYPES, (_location(),)),
        },
        forbidden={
            # It copies to a region that no property of a region names.
            "azure-native:containerregistry:Replication": {"location": "eastus"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Choose a region of the Union in the lab's configuration.",
)
