"""The Azure stack, deployed over mocks: what Azure would answer is made up."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from infra import config, paths
from infra.config import AzureLab
from stacks import azure
from tests.harness.deploy import Computed, Deployment, deploy
from tests.harness.local_lab import AUTHORITY, HOME, KUBERNETES, SIGNING_KEY, artifacts

SUBSCRIPTION = "/subscriptions/22222222-2222-4222-8222-222222222222"
CLUSTER_AUTHORITY = base64.b64encode(b"the cluster's authority").decode()
ISSUER = "https://westeurope.oic.prod-aks.example/11111111/22222222/"


def load(example: str) -> AzureLab:
    lab = config.load_file(paths.REPOSITORY / "examples" / "valid" / f"{example}.yaml")
    assert isinstance(lab, AzureLab)
    return lab


def _key(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    uri = f"https://{inputs['vaultName']}.vault.azure.net/keys/{inputs['keyName']}"
    return {"keyUri": uri, "keyUriWithVersion": f"{uri}/0123456789abcdef"}


def _deployment(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    document = {"clusters": [{"cluster": {"certificate-authority-data": CLUSTER_AUTHORITY}}]}
    answer = base64.b64encode(json.dumps(document).encode()).decode()
    return {"properties": {"outputs": {"kubeconfig": {"type": "String", "value": answer}}}}


def _named(argument: str) -> Any:
    """Azure's own name of a resource, which is what others refer to."""
    return lambda _, inputs: {"name": inputs[argument]}


def _with_identity(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Identities are given as a list of ids, and told as what each of them is."""
    given = inputs["identity"]["userAssignedIdentities"]
    return {"identity": {"userAssignedIdentities": {one: {} for one in given}}}


def _cluster(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        **_with_identity(name, inputs),
        "name": inputs["resourceName"],
        "privateFQDN": "azure-lab-1a2b3c.privatelink.westeurope.azmk8s.io",
        "resourceUID": "cluster-1",
    }


COMPUTED: Computed = {
    "azure-native:resources:ResourceGroup": _named("resourceGroupName"),
    "azure-native:network:VirtualNetwork": _named("virtualNetworkName"),
    "azure-native:network:PrivateEndpoint": _named("privateEndpointName"),
    "azure-native:privatedns:PrivateZone": _named("privateZoneName"),
    "azure-native:storage:StorageAccount": lambda name, inputs: {
        **_with_identity(name, inputs),
        "name": inputs["accountName"],
    },
    "azure-native:compute:DiskEncryptionSet": _with_identity,
    "azure-native:operationalinsights:Cluster": _with_identity,
    "azure-native:network:FlowLog": _with_identity,
    "azure-native:containerregistry:Registry": _named("registryName"),
    "azure-native:operationalinsights:Workspace": _named("workspaceName"),
    "azure-native:monitor:PrivateLinkScope": _named("scopeName"),
    "azure-native:keyvault:Vault": lambda _, inputs: {
        "name": inputs["vaultName"],
        "properties": {"vaultUri": f"https://{inputs['vaultName']}.vault.azure.net/"},
    },
    "azure-native:keyvault:Key": _key,
    "azure-native:managedidentity:UserAssignedIdentity": lambda name, _: {
        "principalId": f"{name}-principal",
        "clientId": f"{name}-client",
    },
    "azure-native:dbforpostgresql:Server": lambda _, inputs: {
        "name": inputs["serverName"],
        "fullyQualifiedDomainName": f"{inputs['serverName']}.postgres.database.azure.com",
    },
    "azure-native:containerservice:ManagedCluster": _cluster,
    "azure-native:compute:VirtualMachine": lambda name, inputs: {
        **_with_identity(name, inputs),
        "vmId": f"{name}-1",
    },
    "azure-native:resources:Deployment": _deployment,
    "ailab:kubernetes:IssuerKeys": lambda *_: {"issuer": ISSUER, "keys": [SIGNING_KEY]},
    "ailab:ansible:Playbook": lambda name, _: {
        "facts": {"ca_certificate": AUTHORITY} if name == "vault" else {},
        "notApplied": {},
        "digest": "0" * 64,
    },
}


def deploy_azure(patch: pytest.MonkeyPatch, lab: AzureLab, *, preview: bool = False) -> Deployment:
    """The stack of this lab."""
    patch.setenv("LAB_HOME", HOME)
    patch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    patch.setattr("infra.toolchain.artifacts", lambda **_: artifacts())
    return deploy(lambda: azure.compose(lab), computed=COMPUTED, preview=preview, stack="azure")
