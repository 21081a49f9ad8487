"""The way into the cluster: a kubeconfig with no secret in it.

Whoever uses it logs in to Entra ID with their own account; kubelogin turns that into a token
(https://azure.github.io/kubelogin). Only the API server's authority has to be asked of Azure,
which hands it out with the credentials of a user alone. A deployment without resources asks: it
is part of the plan and of the state, as a function called by the program would not be.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pulumi
import yaml

from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import containerservice, resources
from infra.errors import PluginFailed

#: Entra ID's application that stands for the API servers of all AKS clusters.
_SERVER_ID = "6dae42f8-4368-4678-94ff-3960e28e3630"
_API_VERSION = "2025-05-01"
_TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {
        "cluster": {"type": "string"},
        # Another cluster of the same name has another authority: asks anew.
        "instance": {"type": "string"},
    },
    "resources": [],
    "outputs": {
        "kubeconfig": {
            "type": "string",
            "value": (
                "[listClusterUserCredential(resourceId('Microsoft.ContainerService/managedClusters'"
                f", parameters('cluster')), '{_API_VERSION}').kubeconfigs[0].value]"
            ),
        }
    },
}


def ask(
    place: Place, cluster: containerservice.ManagedCluster, *, parent: pulumi.Resource
) -> pulumi.Output[str]:
    """The kubeconfig (JSON, which is YAML) of a cluster whose local accounts are off."""
    asked = resources.Deployment(
        place.named("kubeconfig"),
        deployment_name=place.named("kubeconfig"),
        resource_group_name=place.group,
        properties=resources.DeploymentPropertiesArgs(
            mode=resources.DeploymentMode.INCREMENTAL,
            template=_TEMPLATE,
            parameters={
                "cluster": resources.DeploymentParameterArgs(value=cluster.name),
                "instance": resources.DeploymentParameterArgs(value=cluster.resource_uid),
            },
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    outputs = asked.properties.apply(lambda found: found.outputs)
    return pulumi.Output.all(place.name, cluster.private_fqdn, outputs).apply(
        lambda known: json.dumps(_kubeconfig(known[0], known[1], authority_of(known[2])))
    )


def authority_of(outputs: Any) -> str:
    """The API server's authority (base64 of PEM) out of what Azure answered.

    Raises:
        PluginFailed: that was no kubeconfig.
    """
    try:
        document = yaml.safe_load(base64.b64decode(outputs["kubeconfig"]["value"]))
        return str(document["clusters"][0]["cluster"]["certificate-authority-data"])
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        raise PluginFailed(
            f"Azure answered with no kubeconfig where the cluster's was asked for ({error!r}).",
            next_step="look at the deployment NAME-kubeconfig in the lab's resource group.",
        ) from error


def _kubeconfig(name: str, server: str, authority: str) -> dict[str, Any]:
    arguments = ["get-token", "--login", "azurecli", "--server-id", _SERVER_ID]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": f"https://{server}:443",
                    "certificate-authority-data": authority,
                },
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "command": "kubelogin",
                        "args": arguments,
                        "interactiveMode": "Never",
                        "installHint": "docs/runbooks/azure.md says where kubelogin comes from",
                    }
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
