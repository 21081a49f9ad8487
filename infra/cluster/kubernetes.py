"""From plain Kubernetes objects to Pulumi resources of pulumi-kubernetes' own types."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pulumi_kubernetes
from pulumi_kubernetes import apiextensions
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.rbac import v1 as rbac

from infra.cluster.manifests import Manifest
from infra.contracts import Cluster

_TYPES: dict[tuple[str, str], Callable[..., pulumi.CustomResource]] = {
    ("v1", "LimitRange"): core.LimitRange,
    ("v1", "Namespace"): core.Namespace,
    ("v1", "ResourceQuota"): core.ResourceQuota,
    ("v1", "ServiceAccount"): core.ServiceAccount,
    ("networking.k8s.io/v1", "NetworkPolicy"): networking.NetworkPolicy,
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): rbac.ClusterRole,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): rbac.ClusterRoleBinding,
    ("rbac.authorization.k8s.io/v1", "Role"): rbac.Role,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): rbac.RoleBinding,
}


def provider(cluster: Cluster) -> pulumi_kubernetes.Provider:
    """The way into the cluster; only the path of the kubeconfig is in state, not its content."""
    return pulumi_kubernetes.Provider(
        cluster.name,
        kubeconfig=cluster.kubeconfig,
        opts=pulumi.ResourceOptions(depends_on=[cluster.resource], deleted_with=cluster.resource),
    )


def carried_by(cluster: Cluster) -> pulumi.ResourceOptions:
    """Options of everything in the cluster: it goes with it, and is made anew with it.

    Deleting before replacing is needed because names are fixed: the copy that is deleted after
    its replacement was made would be the replacement.
    """
    return pulumi.ResourceOptions(
        deleted_with=cluster.resource,
        replacement_trigger=cluster.instance,
        delete_before_replace=True,
    )


def resource_name(manifest: Manifest) -> str:
    """Name of the Pulumi resource: NAMESPACE/KIND/NAME, without what an object does not have."""
    metadata = manifest["metadata"]
    parts = [metadata.get("namespace"), manifest["kind"].lower(), metadata["name"]]
    return "/".join(part for part in parts if part)


def apply(manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Declares one object. An object that is there already is taken over (server-side apply)."""
    name = resource_name(manifest)
    make = _TYPES.get((manifest["apiVersion"], manifest["kind"]))
    content = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    if make is None:
        return apiextensions.CustomResource(
            name, api_version=manifest["apiVersion"], kind=manifest["kind"], opts=opts, **content
        )
    return make(name, opts=opts, **{_snake_case(key): value for key, value in content.items()})


def _snake_case(key: str) -> str:
    """pulumi-kubernetes' argument for a property at the top of an object."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
