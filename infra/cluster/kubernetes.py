"""From plain Kubernetes objects to resources of pulumi-kubernetes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import pulumi
import pulumi_kubernetes

from infra.cluster.manifests import Manifest
from infra.contracts import Cluster


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
    """By the type's token, as pulumi-kubernetes' own classes do it. The classes themselves take
    more than a second to load, at every start of every program: half of what a preview loads.
    """
    api_version = manifest["apiVersion"]
    group = api_version if "/" in api_version else f"core/{api_version}"
    of_the_sdk = pulumi.ResourceOptions(version=version("pulumi-kubernetes"))
    return pulumi.CustomResource(
        f"kubernetes:{group}:{manifest['kind']}",
        name,
        dict(manifest),
        pulumi.ResourceOptions.merge(of_the_sdk, opts),
    )
