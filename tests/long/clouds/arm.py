"""An inventory of Azure resources as an ARM template, which checkov reads.

pulumi-azure-native is made from the specifications of Azure's own API. It takes one level away
(`properties`) from a resource, and from those parts of one that are resources to Azure, and has a
few names of its own. This puts both back. Nothing is added but the API's version, which the SDK
names for each type, and nothing is left out. https://learn.microsoft.com/azure/templates has a page
for each type.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.harness.deploy import Deployment, Resource

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
#: Where each type lies in Azure, below its provider; {names} are inputs.
_PLACES = """
authorization:ManagementLockByScope Microsoft.Authorization/locks/{lockName}
authorization:PolicyAssignment Microsoft.Authorization/policyAssignments/{policyAssignmentName}
authorization:RoleAssignment Microsoft.Authorization/roleAssignments/{roleAssignmentName}
compute:DiskEncryptionSet Microsoft.Compute/diskEncryptionSets/{diskEncryptionSetName}
compute:VirtualMachine Microsoft.Compute/virtualMachines/{vmName}
consumption:Budget Microsoft.Consumption/budgets/{budgetName}
containerregistry:CacheRule Microsoft.ContainerRegistry/registries/{registryName}/cacheRules/{cacheRuleName}
containerregistry:Registry Microsoft.ContainerRegistry/registries/{registryName}
containerservice:AgentPool Microsoft.ContainerService/managedClusters/{resourceName}/agentPools/{agentPoolName}
containerservice:MaintenanceConfiguration Microsoft.ContainerService/managedClusters/{resourceName}/maintenanceConfigurations/{configName}
containerservice:ManagedCluster Microsoft.ContainerService/managedClusters/{resourceName}
dbforpostgresql:AdministratorsMicrosoftEntra Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/administrators/{objectId}
dbforpostgresql:Configuration Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/configurations/{configurationName}
dbforpostgresql:Server Microsoft.DBforPostgreSQL/flexibleServers/{serverName}
keyvault:Key Microsoft.KeyVault/vaults/{vaultName}/keys/{keyName}
keyvault:Vault Microsoft.KeyVault/vaults/{vaultName}
managedidentity:UserAssignedIdentity Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}
monitor:DiagnosticSetting Microsoft.Insights/diagnosticSettings/{name}
monitor:PrivateLinkScope Microsoft.Insights/privateLinkScopes/{scopeName}
monitor:PrivateLinkScopedResource Microsoft.Insights/privateLinkScopes/{scopeName}/scopedResources/{name}
monitor:SubscriptionDiagnosticSetting Microsoft.Insights/diagnosticSettings/{name}
network:FlowLog Microsoft.Network/networkWatchers/{networkWatcherName}/flowLogs/{flowLogName}
network:LoadBalancer Microsoft.Network/loadBalancers/{loadBalancerName}
network:NetworkInterface Microsoft.Network/networkInterfaces/{networkInterfaceName}
network:NetworkSecurityGroup Microsoft.Network/networkSecurityGroups/{networkSecurityGroupName}
network:PrivateDnsZoneGroup Microsoft.Network/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}
network:PrivateEndpoint Microsoft.Network/privateEndpoints/{privateEndpointName}
network:PublicIPAddress Microsoft.Network/publicIPAddresses/{publicIpAddressName}
network:RouteTable Microsoft.Network/routeTables/{routeTableName}
network:Subnet Microsoft.Network/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}
network:VirtualNetwork Microsoft.Network/virtualNetworks/{virtualNetworkName}
network:VirtualNetworkPeering Microsoft.Network/virtualNetworks/{virtualNetworkName}/virtualNetworkPeerings/{virtualNetworkPeeringName}
operationalinsights:Cluster Microsoft.OperationalInsights/clusters/{clusterName}
operationalinsights:LinkedService Microsoft.OperationalInsights/workspaces/{workspaceName}/linkedServices/{linkedServiceName}
operationalinsights:Workspace Microsoft.OperationalInsights/workspaces/{workspaceName}
privatedns:PrivateZone Microsoft.Network/privateDnsZones/{privateZoneName}
privatedns:VirtualNetworkLink Microsoft.Network/privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}
resources:Deployment Microsoft.Resources/deployments/{deploymentName}
resources:ResourceGroup Microsoft.Resources/resourceGroups/{resourceGroupName}
security:Pricing Microsoft.Security/pricings/{pricingName}
storage:BlobContainer Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers/{containerName}
storage:BlobServiceProperties Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}
storage:ManagementPolicy Microsoft.Storage/storageAccounts/{accountName}/managementPolicies/{managementPolicyName}
storage:StorageAccount Microsoft.Storage/storageAccounts/{accountName}
"""  # noqa: E501 - one line a type
_PLACE_OF = dict(line.split() for line in _PLACES.split("\n") if line)
#: What stands beside a resource's properties and not in them, with the types that differ.
_BESIDE = {"extendedLocation", "identity", "kind", "location", "sku", "tags", "zones"}
_WITHIN = {"operationalinsights:Workspace": {"sku"}, "monitor:PrivateLinkScopedResource": {"kind"}}
#: Inputs that say where a resource lies and are no property of it.
_WHERE = {"resourceGroupName", "resourceUri", "scope", "scopeId"}
#: Parts of a resource that are resources to Azure: they have an id or a name, and properties.
_PARTS = {
    "backendAddressPools",
    "delegations",
    "frontendIPConfigurations",
    "ipConfigurations",
    "loadBalancingRules",
    "privateDnsZoneConfigs",
    "privateLinkServiceConnections",
    "probes",
    "routes",
    "securityRules",
    "subnet",
}
_OF_A_PART = {"id", "name", "zones"}
#: Names of the SDK that are not Azure's, where they are meant.
_RENAMED: dict[str, dict[str, str]] = {
    "storage:StorageAccount": {
        "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
        "networkRuleSet": "networkAcls",
        "keyVaultProperties": "keyvaultproperties",
        "keyName": "keyname",
        "keyVaultUri": "keyvaulturi",
        "encryptionIdentity": "identity",
        "encryptionUserAssignedIdentity": "userAssignedIdentity",
    }
}


def render(deployment: Deployment) -> dict[str, Any]:
    """One template with every resource of Azure."""
    found = [one for one in deployment.resources if one.type.startswith("azure-native:")]
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "resources": [_resource(one) for one in found],
    }


def type_of(token: str) -> str:
    """`Microsoft.KeyVault/vaults/keys` of `azure-native:keyvault:Key`."""
    provider, *rest = _PLACE_OF[token.removeprefix("azure-native:")].split("/")
    return "/".join([provider, *rest[::2]])


def _resource(one: Resource) -> dict[str, Any]:
    kind = one.type.removeprefix("azure-native:")
    place = _PLACE_OF[kind]
    names = set(re.findall(r"\{(\w+)\}", place))
    renamed = _RENAMED.get(kind, {})
    beside = _BESIDE - _WITHIN.get(kind, set())
    found: dict[str, Any] = {
        "type": type_of(one.type),
        "apiVersion": _version(one.type),
        # What the SDK would name by itself is called by its name in the program.
        "name": "/".join(
            part.format_map({**dict.fromkeys(names, one.name), **one.inputs})
            for part in place.split("/")[2::2]
        ),
    }
    properties: dict[str, Any] = {}
    for key, value in one.inputs.items():
        if value is None or key in names | _WHERE:
            continue
        if key == "properties":
            properties |= value
        elif key in beside:
            found[key] = _identity(value) if key == "identity" else value
        else:
            properties[renamed.get(key, key)] = _azures(key, value, renamed)
    return {**found, "properties": properties}


def _azures(key: str, value: Any, renamed: Mapping[str, str]) -> Any:
    """A property's value under Azure's names, with the level that the SDK took away."""
    if isinstance(value, list):
        return [_azures(key, item, renamed) for item in value]
    if not isinstance(value, dict):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    inner = {renamed.get(one, one): _azures(one, item, renamed) for one, item in value.items()}
    if key not in _PARTS:
        return inner
    outer = {one: inner.pop(one) for one in _OF_A_PART & inner.keys()}
    return {**outer, "properties": inner}


def _identity(value: dict[str, Any]) -> dict[str, Any]:
    """Azure has identities of a resource as a map, the SDK as a list of ids."""
    given = value.get("userAssignedIdentities", [])
    return {**value, "userAssignedIdentities": {one: {} for one in given}}


@cache
def _version(token: str) -> str:
    """The version of Azure's API that the SDK speaks for this type, as its text says."""
    _, module, name = token.split(":")
    sdk = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
    found = re.search(r"Uses Azure REST API version ([\w-]+)", inspect.getsource(sdk))
    assert found, f"the SDK does not say which version {token} has"
    return found[1]
