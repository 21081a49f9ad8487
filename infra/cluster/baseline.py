"""`ClusterBaseline`: the pure baseline of `objects`, brought to life with Pulumi."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.cluster import objects
from infra.cluster.kubernetes import Access
from infra.cluster.manifests import Manifest
from infra.cluster.objects import SystemRoute


class ClusterBaseline(pulumi.ComponentResource):
    """Pod Security and default-deny in Kubernetes' own namespaces, and the lab's reading roles."""

    def __init__(
        self,
        name: str,
        *,
        lab: str,
        kubernetes_version: str,
        access: Access,
        routes: Sequence[SystemRoute] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:cluster:Baseline", name, {}, opts)
        before: dict[str, list[pulumi.Resource]] = {}
        for manifest in objects.baseline(lab, kubernetes_version, routes):
            scope = manifest["metadata"].get("namespace", "")
            # A namespace is not closed before it is opened: DNS must not stop meanwhile.
            closes = manifest["kind"] == "NetworkPolicy" and not _opens_a_way(manifest)
            made = access.apply(
                manifest,
                pulumi.ResourceOptions(
                    parent=self, depends_on=before.get(scope, []) if closes else []
                ),
            )
            if _opens_a_way(manifest):
                before.setdefault(scope, []).append(made)
        self.register_outputs({})


def _opens_a_way(manifest: Manifest) -> bool:
    """Whether it is a policy that allows something, rather than one that only closes."""
    spec = manifest.get("spec", {})
    return manifest["kind"].endswith("NetworkPolicy") and ("ingress" in spec or "egress" in spec)
