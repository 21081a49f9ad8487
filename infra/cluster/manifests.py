"""Building blocks for Kubernetes objects as plain dictionaries. Pure: no Pulumi, no cluster.

Every NetworkPolicy says in an annotation why it is there. Isolation is carried by the
standard NetworkPolicy alone, so that it holds with any network plugin that enforces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from infra import naming

Manifest = dict[str, Any]
#: https://kubernetes.io/docs/concepts/security/pod-security-standards/
PodSecurity = Literal["restricted", "baseline", "privileged"]

#: Label that Kubernetes itself puts on every namespace.
NAMESPACE_NAME = "kubernetes.io/metadata.name"
#: Of an API server on machines of the lab.
API_PORT = 6443
DNS_NAMESPACE = "kube-system"
DNS_PODS = {"k8s-app": "kube-dns"}
DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def pod_security_labels(level: PodSecurity, kubernetes_version: str) -> dict[str, str]:
    """Labels that enforce a Pod Security level as this Kubernetes version ("1.36.3") defines it.

    The version is pinned, so that an upgrade of the cluster changes the rules only when asked to.
    """
    pinned = "v" + ".".join(kubernetes_version.removeprefix("v").split(".")[:2])
    prefix = "pod-security.kubernetes.io"
    return {
        key: value
        for mode in ("enforce", "audit", "warn")
        for key, value in (
            (f"{prefix}/{mode}", level),
            (f"{prefix}/{mode}-version", pinned),
        )
    }


def namespace(
    name: str, *, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "labels": dict(labels)}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def labelled(manifest: Mapping[str, Any], labels: Mapping[str, str]) -> Manifest:
    """The same object with these labels."""
    return {**manifest, "metadata": {**manifest["metadata"], "labels": dict(labels)}}


def service_account(in_namespace: str, name: str, labels: Mapping[str, str]) -> Manifest:
    """A service account whose token no pod gets unless the pod itself asks for it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": in_namespace, "labels": dict(labels)},
        "automountServiceAccountToken": False,
    }


def network_policy(
    in_namespace: str,
    name: str,
    *,
    intent: str,
    labels: Mapping[str, str],
    pods: Mapping[str, str] | None = None,
    ingress: Sequence[Mapping[str, Any]] | None = None,
    egress: Sequence[Mapping[str, Any]] | None = None,
) -> Manifest:
    """A NetworkPolicy for the pods with these labels (all, if none are given).

    A direction that is None is left to other policies; one that is empty is closed.
    """
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": dict(pods)} if pods else {},
        "policyTypes": [],
    }
    for direction, rules in (("Ingress", ingress), ("Egress", egress)):
        if rules is not None:
            spec["policyTypes"].append(direction)
            if rules:
                spec[direction.lower()] = [dict(rule) for rule in rules]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": in_namespace,
            "labels": dict(labels),
            "annotations": {naming.ANNOTATION_INTENT: intent},
        },
        "spec": spec,
    }


def default_deny(in_namespace: str, labels: Mapping[str, str]) -> Manifest:
    """Closes both directions for every pod of the namespace."""
    return network_policy(
        in_namespace,
        "default-deny",
        intent="Nothing goes in or out unless another policy here says so.",
        labels=labels,
        ingress=[],
        egress=[],
    )


def allow_dns(in_namespace: str, labels: Mapping[str, str]) -> Manifest:
    """Lets every pod of the namespace ask the cluster's own DNS, and nothing else."""
    dns = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: DNS_NAMESPACE}},
        "podSelector": {"matchLabels": DNS_PODS},
    }
    return network_policy(
        in_namespace,
        "allow-dns",
        intent="Names of the cluster are resolved by the cluster's own DNS.",
        labels=labels,
        egress=[{"to": [dns], "ports": DNS_PORTS}],
    )


def to_api_server(
    in_namespace: str,
    name: str,
    *,
    intent: str,
    labels: Mapping[str, str],
    pods: Mapping[str, str],
) -> Manifest:
    """Lets these pods reach an API server of the lab's own, on its machines.

    It is a node to Cilium, and no ipBlock of a NetworkPolicy matches a node.
    """
    port = {"port": str(API_PORT), "protocol": "TCP"}
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": in_namespace,
            "labels": dict(labels),
            "annotations": {naming.ANNOTATION_INTENT: intent},
        },
        "spec": {
            "endpointSelector": {"matchLabels": dict(pods)},
            "egress": [{"toEntities": ["kube-apiserver"], "toPorts": [{"ports": [port]}]}],
        },
    }
