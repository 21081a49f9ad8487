"""`ClusterBaseline`: the pure baseline of `objects`, brought to life with Pulumi."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes

from infra.cluster import kubernetes, objects
from infra.cluster.manifests import Manifest
from infra.contracts import Cluster


class ClusterBaseline(pulumi.ComponentResource):
    """Pod Security and default-deny in Kubernetes' own namespaces, and the lab's reading roles."""

    def __init__(
        self,
        name: str,
        *,
        lab: str,
        kubernetes_version: str,
        cluster: Cluster,
        kubernetes_provider: pulumi_kubernetes.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:cluster:Baseline", name, {}, opts)
        self._carried = pulumi.ResourceOptions.merge(
            kubernetes.carried_by(cluster),
            pulumi.ResourceOptions(parent=self, provider=kubernetes_provider),
        )
        before: dict[str, list[pulumi.Resource]] = {}
        for manifest in objects.baseline(lab, kubernetes_version):
            scope = manifest["metadata"].get("namespace", "")
            made = kubernetes.apply(manifest, self._options(manifest, before.get(scope, [])))
            if _opens_a_way(manifest):
                before.setdefault(scope, []).append(made)
        self.register_outputs({})

    def _options(self, manifest: Manifest, opened: list[pulumi.Resource]) -> pulumi.ResourceOptions:
        """Kubernetes' own namespaces outlive us, and are not closed before they are opened."""
        own = pulumi.ResourceOptions()
        if manifest["kind"] == "Namespace":
            own.retain_on_delete = True
        elif manifest["kind"] == "NetworkPolicy" and not _opens_a_way(manifest):
            own.depends_on = opened
        return pulumi.ResourceOptions.merge(self._carried, own)


def _opens_a_way(manifest: Manifest) -> bool:
    """Whether it is a policy that allows something, rather than one that only closes."""
    spec = manifest.get("spec", {})
    return manifest["kind"].endswith("NetworkPolicy") and ("ingress" in spec or "egress" in spec)
