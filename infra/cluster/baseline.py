"""`ClusterBaseline`: the pure baseline of `objects`, brought to life with Pulumi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from infra.cluster import kubernetes, objects
from infra.cluster.kubernetes import Access
from infra.cluster.manifests import Manifest
from infra.cluster.objects import SystemRoute
from policies import cluster
from policies.admission import Settings
from policies.rule import Level


class ClusterBaseline(pulumi.ComponentResource):
    """What the API server enforces, before everything else; then Pod Security and default-deny in
    Kubernetes' own namespaces, the lab's reading roles, and what layers above add.

    `settings` are what policies know of the lab, `levels` other than the rules' own.
    """

    def __init__(
        self,
        name: str,
        *,
        lab: str,
        kubernetes_version: str,
        access: Access,
        routes: Sequence[SystemRoute] | None = None,
        settings: Settings | None = None,
        levels: Mapping[str, Level] | None = None,
        extensions: Sequence[Manifest] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:cluster:Baseline", name, {}, opts)
        before: dict[str, list[pulumi.Resource]] = {}
        enforced: dict[str, pulumi.Resource] = {}
        # It waits for all policies and the rest for it, rather than each for each.
        first: pulumi.Resource | None = None
        policies = cluster.objects(settings or Settings(), kubernetes_version, levels)
        for manifest in objects.baseline(lab, kubernetes_version, routes, policies, extensions):
            scope = manifest["metadata"].get("namespace", "")
            # A namespace is not closed before it is opened: DNS must not stop meanwhile.
            closes = manifest["kind"] == "NetworkPolicy" and not _opens_a_way(manifest)
            after = [*before.get(scope, [])] if closes else []
            if bound := _policy_of(manifest):
                after.append(enforced[bound])
            elif not _is_policy(manifest):
                after += [first] if first else enforced.values()
            made = access.apply(manifest, pulumi.ResourceOptions(parent=self, depends_on=after))
            if _is_policy(manifest):
                enforced[kubernetes.resource_name(manifest)] = made
            elif first is None:
                first = made
            if _opens_a_way(manifest):
                before.setdefault(scope, []).append(made)
        self.register_outputs({})


def _is_policy(manifest: Manifest) -> bool:
    """Whether the API server enforces it."""
    return bool(manifest["apiVersion"].startswith("admissionregistration.k8s.io/"))


def _policy_of(manifest: Manifest) -> str:
    """Name of the resource that a binding puts in force."""
    kind = manifest["kind"].removesuffix("Binding")
    if not _is_policy(manifest) or kind == manifest["kind"]:
        return ""
    return kubernetes.resource_name({**manifest, "kind": kind})


def _opens_a_way(manifest: Manifest) -> bool:
    """Whether it is a policy that allows something, rather than one that only closes."""
    spec = manifest.get("spec", {})
    return manifest["kind"].endswith("NetworkPolicy") and ("ingress" in spec or "egress" in spec)
