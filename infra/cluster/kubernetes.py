"""From plain Kubernetes objects to Pulumi resources of pulumi-kubernetes' own types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes
from pulumi_kubernetes import apiextensions
from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.rbac import v1 as rbac

from infra.cluster.manifests import Manifest
from infra.contracts import Cluster

_ADMISSION = "admissionregistration.k8s.io/v1"
_TYPES: dict[tuple[str, str], Callable[..., pulumi.CustomResource]] = {
    (_ADMISSION, "MutatingAdmissionPolicy"): admission.MutatingAdmissionPolicy,
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): admission.MutatingAdmissionPolicyBinding,
    (_ADMISSION, "ValidatingAdmissionPolicy"): admission.ValidatingAdmissionPolicy,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): admission.ValidatingAdmissionPolicyBinding,
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


@dataclass(frozen=True, slots=True)
class Access:
    """The way into a cluster; only the path of the kubeconfig is in state, not its content.

    `adopting` is for what Kubernetes makes by itself and we only change. For everything else an
    object that is there already is somebody else's, and making ours must fail.
    """

    cluster: Cluster
    own: pulumi_kubernetes.Provider
    adopting: pulumi_kubernetes.Provider
    #: Before the names of resources, where a lab has several clusters with the same objects.
    prefix: str = ""

    def apply(self, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
        """Declares one object: it goes with the cluster, and is made anew with it."""
        adopted = made_by_kubernetes(manifest)
        carried = pulumi.ResourceOptions(
            provider=self.adopting if adopted else self.own,
            deleted_with=self.cluster.resource,
            replacement_trigger=self.cluster.instance,
            # Names are fixed: what is deleted after its replacement was made would be that one.
            delete_before_replace=True,
            retain_on_delete=adopted,
        )
        name = f"{self.prefix}{resource_name(manifest)}"
        return _declare(name, manifest, pulumi.ResourceOptions.merge(carried, opts))


def access(cluster: Cluster, prefix: str = "") -> Access:
    """Declares the providers of a cluster."""
    opts = pulumi.ResourceOptions(depends_on=[cluster.resource], deleted_with=cluster.resource)
    return Access(
        cluster,
        own=pulumi_kubernetes.Provider(cluster.name, kubeconfig=cluster.kubeconfig, opts=opts),
        adopting=pulumi_kubernetes.Provider(
            f"{cluster.name}-adopting",
            kubeconfig=cluster.kubeconfig,
            upsert_existing_objects=True,
            opts=opts,
        ),
        prefix=prefix,
    )


def made_by_kubernetes(manifest: Manifest) -> bool:
    """Whether every cluster has this object from the start, or every namespace."""
    name = manifest["metadata"]["name"]
    return (manifest["kind"], name) == ("ServiceAccount", "default") or (
        manifest["kind"] == "Namespace" and (name == "default" or name.startswith("kube-"))
    )


def resource_name(manifest: Manifest) -> str:
    """Name of the Pulumi resource: NAMESPACE/KIND/NAME, without what an object does not have."""
    metadata = manifest["metadata"]
    parts = [metadata.get("namespace"), manifest["kind"].lower(), metadata["name"]]
    return "/".join(part for part in parts if part)


def _declare(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
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
