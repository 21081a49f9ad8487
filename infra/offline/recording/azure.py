"""Ids as Azure Resource Manager gives them: the path of a resource below its group or scope.

Namespaces and types: https://learn.microsoft.com/azure/templates/ (one page a resource type).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from infra.offline.recording import texts
from infra.offline.recording.made import Made
from infra.plugins.diffing import Path

#: Where the configuration names none.
NOBODY: Final = "00000000-0000-0000-0000-000000000000"

#: Namespace of a resource provider where it is not `Microsoft.` and the SDK's module.
_NAMESPACES: Final = {
    "authorization": "Microsoft.Authorization",
    "compute": "Microsoft.Compute",
    "consumption": "Microsoft.Consumption",
    "containerregistry": "Microsoft.ContainerRegistry",
    "containerservice": "Microsoft.ContainerService",
    "dataprotection": "Microsoft.DataProtection",
    "dbforpostgresql": "Microsoft.DBforPostgreSQL",
    "keyvault": "Microsoft.KeyVault",
    "managedidentity": "Microsoft.ManagedIdentity",
    "monitor": "Microsoft.Insights",
    "network": "Microsoft.Network",
    "operationalinsights": "Microsoft.OperationalInsights",
    "policyinsights": "Microsoft.PolicyInsights",
    "privatedns": "Microsoft.Network",
    "recoveryservices": "Microsoft.RecoveryServices",
    "resources": "Microsoft.Resources",
    "security": "Microsoft.Security",
    "storage": "Microsoft.Storage",
}

#: Collection that an input names a member of, where that is not the plural of its own word.
_COLLECTIONS: Final = {
    ("containerservice", "resourceName"): "managedClusters",
    ("dbforpostgresql", "serverName"): "flexibleServers",
    ("storage", "accountName"): "storageAccounts",
    ("privatedns", "privateZoneName"): "privateDnsZones",
    ("network", "privateZoneName"): "privateDnsZones",
    ("managedidentity", "resourceName"): "userAssignedIdentities",
}
#: Collection of a type where that is not the plural of its name.
_TYPES: Final = {
    "azure-native:containerservice:AgentPool": "agentPools",
    "azure-native:managedidentity:FederatedIdentityCredential": "federatedIdentityCredentials",
    "azure-native:managedidentity:UserAssignedIdentity": "userAssignedIdentities",
    "azure-native:network:PrivateDnsZoneGroup": "privateDnsZoneGroups",
    "azure-native:privatedns:PrivateZone": "privateDnsZones",
    "azure-native:privatedns:VirtualNetworkLink": "virtualNetworkLinks",
}


class Azure:
    """Azure, as pulumi-azure-native describes it."""

    package = "pulumi_azure_native"
    fills_lists = False

    def id_of(self, made: Made) -> str:
        """The path of the resource in Azure Resource Manager."""
        if made.type == "azure-native:resources:ResourceGroup":
            return f"{_subscription(made)}/resourceGroups/{_name(made)}"
        namespace = _NAMESPACES.get(made.module, f"Microsoft.{made.module.capitalize()}")
        scope = made.text("scope", "resourceUri")
        if scope is None:
            group = made.text("resourceGroupName")
            scope = _subscription(made) + (f"/resourceGroups/{group}" if group else "")
        parents = "".join(
            f"/{_collection(made, given)}/{made.text(given)}" for given in _parents(made)
        )
        own = _TYPES.get(made.type) or _plural(made.kind[:1].lower() + made.kind[1:])
        return f"{scope}/providers/{namespace}{parents}/{own}/{_name(made)}"

    def outputs(self, made: Made) -> Mapping[str, Any]:
        found: dict[str, Any] = {"name": _name(made), "type": _type(self.id_of(made))}
        if made.type == "azure-native:containerservice:ManagedCluster":
            identity = {
                "clientId": made.uuid("kubelet", "client"),
                "objectId": made.uuid("kubelet", "object"),
                "resourceId": f"{self.id_of(made)}/kubeletidentity",
            }
            found["identityProfile"] = {"kubeletidentity": identity}
            found["oidcIssuerProfile"] = {"issuerURL": f"https://{texts.host(made, 'issuer')}/"}
            group = made.text("nodeResourceGroup") or f"MC_{_name(made)}"
            found["nodeResourceGroup"] = group
        if made.type == "azure-native:resources:Deployment":
            found["properties"] = {"outputs": _template_outputs(made)}
        if made.type == "azure-native:keyvault:Vault":
            found["properties"] = {"vaultUri": f"https://{_name(made)}.vault.{texts.NOWHERE}/"}
        if made.type == "azure-native:keyvault:Key":
            vault = f"https://{made.text('vaultName') or 'vault'}.vault.{texts.NOWHERE}"
            uri = f"{vault}/keys/{_name(made)}"
            found |= {"keyUri": uri, "keyUriWithVersion": f"{uri}/{made.hex(32, 'version')}"}
        return found

    def text(self, made: Made, path: Path) -> str | None:
        """Ids of nested objects lie below their resource's own; the rest by its name alone."""
        word = str(path[-1])
        if word == "id":
            above = "/".join(str(part) for part in path[:-1])
            return f"{self.id_of(made)}/{above}"
        if word == "provisioningState":
            return "Succeeded"
        if word == "azureApiVersion":
            return "2025-01-01"
        if word == "tenantId":
            return _setting(made, "tenantId")
        if word == "location":
            return _location(made)
        return texts.by_name(made, path)


def _template_outputs(made: Made) -> dict[str, Any]:
    """What a template asks Azure for: only a cluster's kubeconfig is known here."""
    cluster = {"server": f"https://{texts.host(made, 'cluster')}:443"}
    authority = base64.b64encode(b"made up for a preview").decode()
    document = {"clusters": [{"cluster": {**cluster, "certificate-authority-data": authority}}]}
    answer = base64.b64encode(json.dumps(document).encode()).decode()
    return {"kubeconfig": {"type": "String", "value": answer}}


def _own_name_input(made: Made) -> str | None:
    """The input that holds the resource's own name: its kind's word, else the shortest one."""
    kind = made.kind[:1].lower() + made.kind[1:]
    names = [name for name in made.inputs if name.endswith("Name")]
    fits = [name for name in names if kind.lower().endswith(name[:-4].lower()) or name == kind]
    return max(fits, key=len) if fits else None


def _name(made: Made) -> str:
    """The given name, or one that the provider would make: the resource's and eight digits."""
    own = _own_name_input(made)
    given = made.text(own) if own is not None else None
    return given or made.text("name") or f"{made.name}{made.hex(8, 'name')}"


def _parents(made: Made) -> list[str]:
    """Inputs that name what the resource lies in: a resource's own name is never required."""
    return [
        name
        for name in made.required
        if name.endswith("Name") and name not in ("resourceGroupName", _own_name_input(made))
    ]


def _collection(made: Made, given: str) -> str:
    return _COLLECTIONS.get((made.module, given)) or _plural(given.removesuffix("Name"))


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch")):
        return f"{word}es" if not word.endswith("ings") else word
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"


def _type(id_: str) -> str:
    """`Microsoft.KeyVault/vaults/keys` of an id."""
    _, _, below = id_.rpartition("/providers/")
    namespace, *rest = below.split("/")
    return "/".join([namespace, *rest[::2]])


def _subscription(made: Made) -> str:
    return f"/subscriptions/{_setting(made, 'subscriptionId')}"


def _setting(made: Made, name: str) -> str:
    value = made.settings.get(name)
    return value if isinstance(value, str) else NOBODY


def _location(made: Made) -> str:
    value = made.settings.get("location")
    return made.text("location") or (value if isinstance(value, str) else "westeurope")
