"""What a lab on Azure is held to: types, the values that protect, and how rules find faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from infra.config import AzureLab
from tests.harness.deploy import Deployment, Resource

Faults = Iterator[str]
Rule = Callable[[Deployment, AzureLab], Faults]

RULES: dict[str, Rule] = {}

AKS = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"
BLOBS = "azure-native:storage:BlobServiceProperties"
BUDGET = "azure-native:consumption:Budget"
DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting"
DISKS = "azure-native:compute:DiskEncryptionSet"
ENDPOINT = "azure-native:network:PrivateEndpoint"
FLOWS = "azure-native:network:FlowLog"
GROUP = "azure-native:network:NetworkSecurityGroup"
KEY = "azure-native:keyvault:Key"
KEY_VAULT = "azure-native:keyvault:Vault"
LOCK = "azure-native:authorization:ManagementLockByScope"
LOG_CLUSTER = "azure-native:operationalinsights:Cluster"
MACHINE = "azure-native:compute:VirtualMachine"
NETWORK = "azure-native:network:VirtualNetwork"
POLICY = "azure-native:authorization:PolicyAssignment"
POSTGRESQL = "azure-native:dbforpostgresql:Server"
REGISTRY = "azure-native:containerregistry:Registry"
ROLE = "azure-native:authorization:RoleAssignment"
STORE = "azure-native:storage:StorageAccount"
SUBNET = "azure-native:network:Subnet"
WORKSPACE = "azure-native:operationalinsights:Workspace"

#: Values that a type must have: type -> path -> the values that protect, the strongest first.
MUST_BE: dict[str, dict[str, tuple[Any, ...]]] = {
    AKS: {
        "aadProfile.enableAzureRBAC": (True,),
        "aadProfile.managed": (True,),
        "apiServerAccessProfile.disableRunCommand": (True,),
        "apiServerAccessProfile.enablePrivateCluster": (True,),
        "apiServerAccessProfile.enablePrivateClusterPublicFQDN": (False,),
        "apiServerAccessProfile.enableVnetIntegration": (True,),
        "autoUpgradeProfile.nodeOSUpgradeChannel": ("NodeImage",),
        "bootstrapProfile.artifactSource": ("Cache",),
        "disableLocalAccounts": (True,),
        "enableRBAC": (True,),
        "identity.type": ("UserAssigned",),
        "networkProfile.networkDataplane": ("cilium",),
        "networkProfile.networkPlugin": ("azure",),
        "networkProfile.networkPluginMode": ("overlay",),
        "networkProfile.networkPolicy": ("cilium",),
        "networkProfile.outboundType": ("none",),
        "nodeResourceGroupProfile.restrictionLevel": ("ReadOnly",),
        "oidcIssuerProfile.enabled": (True,),
        "publicNetworkAccess": ("Disabled",),
        "securityProfile.azureKeyVaultKms.enabled": (True,),
        "securityProfile.azureKeyVaultKms.keyVaultNetworkAccess": ("Private",),
        "securityProfile.defender.securityMonitoring.enabled": (True,),
        "securityProfile.imageCleaner.enabled": (True,),
        "securityProfile.workloadIdentity.enabled": (True,),
    },
    BLOBS: {
        "containerDeleteRetentionPolicy.enabled": (True,),
        "deleteRetentionPolicy.enabled": (True,),
        "isVersioningEnabled": (True,),
    },
    "azure-native:storage:BlobContainer": {"publicAccess": ("None",)},
    DISKS: {
        "encryptionType": (
            "EncryptionAtRestWithPlatformAndCustomerKeys",
            "EncryptionAtRestWithCustomerKey",
        ),
        "rotationToLatestKeyVersionEnabled": (True,),
    },
    FLOWS: {"enabled": (True,), "retentionPolicy.enabled": (True,)},
    KEY: {
        "properties.attributes.exportable": (False,),
        "properties.keySize": (3072, 4096),
        "properties.kty": ("RSA-HSM",),
    },
    KEY_VAULT: {
        "properties.enablePurgeProtection": (True,),
        "properties.enableRbacAuthorization": (True,),
        "properties.enableSoftDelete": (True,),
        "properties.networkAcls.defaultAction": ("Deny",),
        "properties.publicNetworkAccess": ("Disabled",),
        "properties.softDeleteRetentionInDays": (90,),
    },
    LOCK: {"level": ("CanNotDelete",)},
    LOG_CLUSTER: {"isDoubleEncryptionEnabled": (True,)},
    MACHINE: {
        "osProfile.allowExtensionOperations": (False,),
        "osProfile.linuxConfiguration.disablePasswordAuthentication": (True,),
        "securityProfile.encryptionAtHost": (True,),
        "securityProfile.securityType": ("TrustedLaunch",),
        "securityProfile.uefiSettings.secureBootEnabled": (True,),
        "securityProfile.uefiSettings.vTpmEnabled": (True,),
    },
    NETWORK: {"encryption.enabled": (True,)},
    POOL: {
        "enableAutoScaling": (True,),
        "enableEncryptionAtHost": (True,),
        "enableNodePublicIP": (False,),
        "securityProfile.enableVTPM": (True,),
        "securityProfile.sshAccess": ("Disabled",),
    },
    POSTGRESQL: {
        "authConfig.activeDirectoryAuth": ("Enabled",),
        "authConfig.passwordAuth": ("Disabled",),
        "backup.backupRetentionDays": (35,),
        "network.publicNetworkAccess": ("Disabled",),
    },
    "azure-native:monitor:PrivateLinkScope": {
        "accessModeSettings.ingestionAccessMode": ("PrivateOnly",),
        "accessModeSettings.queryAccessMode": ("PrivateOnly",),
    },
    REGISTRY: {
        "adminUserEnabled": (False,),
        "anonymousPullEnabled": (False,),
        "networkRuleSet.defaultAction": ("Deny",),
        "policies.azureADAuthenticationAsArmPolicy.status": ("disabled",),
        "policies.exportPolicy.status": ("disabled",),
        "policies.retentionPolicy.status": ("enabled",),
        "publicNetworkAccess": ("Disabled",),
        "sku.name": ("Premium",),
    },
    STORE: {
        "allowBlobPublicAccess": (False,),
        "allowCrossTenantReplication": (False,),
        "allowSharedKeyAccess": (False,),
        "enableHttpsTrafficOnly": (True,),
        "encryption.requireInfrastructureEncryption": (True,),
        "isLocalUserEnabled": (False,),
        "isSftpEnabled": (False,),
        "minimumTlsVersion": ("TLS1_2", "TLS1_3"),
        "networkRuleSet.defaultAction": ("Deny",),
        "publicNetworkAccess": ("Disabled",),
        "sku.name": ("Standard_ZRS",),
    },
    SUBNET: {
        "defaultOutboundAccess": (False,),
        "privateEndpointNetworkPolicies": ("Enabled",),
    },
    WORKSPACE: {
        "features.disableLocalAuth": (True,),
        "publicNetworkAccessForIngestion": ("Disabled",),
        "publicNetworkAccessForQuery": ("Disabled",),
    },
}
#: Where each store names the customer key that encrypts it: type -> paths into its inputs.
STORES: dict[str, tuple[str, ...]] = {
    AKS: ("diskEncryptionSetID", "securityProfile.azureKeyVaultKms.keyId"),
    DISKS: ("activeKey.keyUrl",),
    LOG_CLUSTER: ("keyVaultProperties.keyVaultUri",),
    MACHINE: ("storageProfile.osDisk.managedDisk.diskEncryptionSet.id",),
    POSTGRESQL: ("dataEncryption.primaryKeyURI",),
    REGISTRY: ("encryption.keyVaultProperties.keyIdentifier",),
    STORE: ("encryption.keyVaultProperties.keyVaultUri",),
}
#: What holds data or keys: never deleted or replaced by a program.
DATA = (KEY, KEY_VAULT, MACHINE, POSTGRESQL, REGISTRY, STORE, WORKSPACE, LOG_CLUSTER)
#: What nobody deletes on Azure either before its lock is off.
LOCKED = (KEY_VAULT, POSTGRESQL, REGISTRY, STORE)
#: What reports, and by which part of its id.
REPORTING = {
    AKS: "",
    GROUP: "",
    KEY_VAULT: "",
    NETWORK: "",
    POSTGRESQL: "",
    REGISTRY: "",
    STORE: "/blobServices/default",
    WORKSPACE: "",
}
#: What is reached by a private endpoint.
PRIVATE = (KEY_VAULT, POSTGRESQL, REGISTRY, STORE)
#: What a lab is not one without.
NEEDED = (*MUST_BE, BUDGET, DIAGNOSTICS, GROUP, POLICY, ROLE)
TAGS = {"lab", "owner", "cost-center", "classification-ceiling", "managed-by"}
#: Types of Azure that have no tags, or take over those of what they belong to.
UNTAGGED = {
    "authorization",
    "consumption",
    "security",
    "AdministratorsMicrosoftEntra",
    "BlobContainer",
    "BlobServiceProperties",
    "CacheRule",
    "Configuration",
    "Deployment",
    "DiagnosticSetting",
    "LinkedService",
    "MaintenanceConfiguration",
    "ManagementPolicy",
    "PrivateDnsZoneGroup",
    "PrivateLinkScopedResource",
    "Subnet",
    "SubscriptionDiagnosticSetting",
    "VirtualNetworkPeering",
}
WIDE = re.compile(
    r"^/subscriptions/[^/]+(/resourceGroups/[^/]+)?$|^/?$|^/providers/.*/managementGroups/"
)
ANYWHERE = {"*", "0.0.0.0/0", "Internet", "VirtualNetwork"}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def value(inputs: dict[str, Any], path: str) -> Any:
    """What lies at a path, None where nothing does."""
    at: Any = inputs
    for part in path.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def label(resource: Resource) -> str:
    return f"{resource.type.rpartition(':')[2]} {resource.name}"


def azure(deployment: Deployment) -> list[Resource]:
    return [one for one in deployment.resources if one.type.startswith("azure-native:")]


def id_of(resource: Resource) -> str:
    """What the mocks of tests/harness/deploy.py give."""
    return f"{resource.name}-id"


def pools(deployment: Deployment) -> list[tuple[str, dict[str, Any]]]:
    """Every pool, also the one that the cluster starts with."""
    found = [(one.name, one.inputs) for one in deployment.of_type(POOL)]
    for cluster in deployment.of_type(AKS):
        found += [(one["name"], one) for one in cluster.inputs["agentPoolProfiles"]]
    return found
