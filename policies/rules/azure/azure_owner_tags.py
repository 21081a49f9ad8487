"""Everything on Azure says whose it is."""

from policies.clouds import must_have_tags
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_TAGS = ("owner", "cost-center", "managed-by", "lab", "classification-ceiling")
#: What a lab is made of, and what comes often to one. A test looks whether anything of our stacks
#: that has tags is missing here.
_TYPES = (
    "azure-native:cognitiveservices:Account",
    "azure-native:compute:Disk",
    "azure-native:compute:DiskEncryptionSet",
    "azure-native:compute:Gallery",
    "azure-native:compute:Image",
    "azure-native:compute:Snapshot",
    "azure-native:compute:VirtualMachine",
    "azure-native:compute:VirtualMachineScaleSet",
    "azure-native:containerregistry:Registry",
    "azure-native:containerservice:AgentPool",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Key",
    "azure-native:keyvault:Vault",
    "azure-native:machinelearningservices:Workspace",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:monitor:PrivateLinkScope",
    "azure-native:netapp:Account",
    "azure-native:network:FlowLog",
    "azure-native:network:LoadBalancer",
    "azure-native:network:NetworkInterface",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:PrivateEndpoint",
    "azure-native:network:PublicIPAddress",
    "azure-native:network:RouteTable",
    "azure-native:network:VirtualNetwork",
    "azure-native:network:VirtualNetworkGateway",
    "azure-native:operationalinsights:Cluster",
    "azure-native:operationalinsights:Workspace",
    "azure-native:privatedns:PrivateZone",
    "azure-native:privatedns:VirtualNetworkLink",
    "azure-native:recoveryservices:Vault",
    "azure-native:redis:Redis",
    "azure-native:resources:ResourceGroup",
    "azure-native:storage:StorageAccount",
)

RULE = Rule(
    id="azure-owner-tags",
    title="Everything that takes tags says which lab it belongs to, whose it is, who pays, and "
    "what it may hold.",
    reason="What nobody owns is patched, paid for and deleted by nobody; costs of a lab are the "
    "sum of its tags.",
    severity=Severity.MEDIUM,
    controls=("SATRE-4.4.02", "SATRE-2.2.15", "CYB-8.2g", "CYB-6.2"),
    preview=Properties(dict.fromkeys(_TYPES, (must_have_tags("tags", *_TAGS),))),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Take the tags from `Place.tags` of infra/clouds/azure/place.py.",
)
