"""The baseline of every cluster as plain Kubernetes objects. Pure: no Pulumi, no cluster.

Kubernetes' own namespaces get what every lab namespace gets. kube-system is the one exception,
and a narrow one: its machine-level pods (Cilium, the control plane) use the node's network, which
no NetworkPolicy reaches, and need more than Pod Security `restricted` allows; of its other pods
only DNS may be reached, and only DNS may talk to the API server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from infra import naming
from infra.cluster import manifests
from infra.cluster.manifests import DNS_NAMESPACE, DNS_PODS, DNS_PORTS, Manifest

#: Namespaces that Kubernetes makes itself; nothing of the lab's users runs in them.
CLOSED_NAMESPACES = ("default", "kube-node-lease", "kube-public")
SYSTEM_NAMESPACE = DNS_NAMESPACE

_READ = ["get", "list", "watch"]

#: What tells a reviewer that a cluster is as it should be: all configuration that decides who may
#: do what and reach what, and no content (no secrets, no configmaps, no exec).
_AUDITOR: dict[str, list[str]] = {
    "": [
        "events",
        "limitranges",
        "namespaces",
        "nodes",
        "pods",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ],
    "admissionregistration.k8s.io": [
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    ],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
    "networking.k8s.io": ["networkpolicies"],
    "rbac.authorization.k8s.io": [
        "clusterrolebindings",
        "clusterroles",
        "rolebindings",
        "roles",
    ],
    "storage.k8s.io": ["storageclasses"],
}

#: What somebody who keeps the platform running looks at: load and health, no content.
_PLATFORM_READER: dict[str, list[str]] = {
    "": [
        "events",
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "resourcequotas",
        "services",
    ],
    "apps": ["daemonsets", "deployments", "replicasets", "statefulsets"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "storage.k8s.io": ["csinodes", "storageclasses"],
}


@dataclass(frozen=True, slots=True)
class SystemRoute:
    """What pods of kube-system with these labels may reach, and why; or, `inbound`, who reaches
    them. No `peers` are everybody: to Cilium no address range matches a node.
    """

    name: str
    intent: str
    pods: dict[str, str]
    peers: tuple[IPv4Network, ...]
    port: int
    inbound: bool = False


def baseline(
    lab: str,
    kubernetes_version: str,
    routes: Sequence[SystemRoute] | None = None,
    policies: Sequence[Manifest] = (),
    extensions: Sequence[Manifest] = (),
) -> list[Manifest]:
    """Every object of the baseline, in an order in which they may be applied one by one.

    `policies` are what the API server enforces (`policies.cluster`): they come first, so that
    nothing else is made before they hold. `extensions` are what layers above add to every cluster
    (`infra.sandbox.service`); they come last.

    `routes` are for clusters whose API server is no node of theirs: a provider's. Without them
    the network is the lab's own Cilium, to which the API server is a node.
    """
    labels = {naming.LABEL_LAB: lab}
    found = [manifests.labelled(policy, labels) for policy in policies]
    found += [
        entry for name in CLOSED_NAMESPACES for entry in _closed(name, labels, kubernetes_version)
    ]
    found += _system(labels, kubernetes_version, routes)
    for role, rules in (("auditor", _AUDITOR), ("platform-reader", _PLATFORM_READER)):
        found += _reader(role, rules, labels)
    return found + [manifests.labelled(extension, labels) for extension in extensions]


def _closed(name: str, labels: dict[str, str], kubernetes_version: str) -> list[Manifest]:
    security = manifests.pod_security_labels("restricted", kubernetes_version)
    return [
        manifests.namespace(name, labels={**labels, **security}),
        manifests.default_deny(name, labels),
        manifests.service_account(name, "default", labels),
    ]


def _system(
    labels: dict[str, str], kubernetes_version: str, routes: Sequence[SystemRoute] | None
) -> list[Manifest]:
    """kube-system. What is allowed comes before what is closed: DNS must not stop meanwhile."""
    security = manifests.pod_security_labels("privileged", kubernetes_version)
    return [
        manifests.namespace(SYSTEM_NAMESPACE, labels={**labels, **security}),
        manifests.service_account(SYSTEM_NAMESPACE, "default", labels),
        manifests.network_policy(
            SYSTEM_NAMESPACE,
            "allow-dns-queries",
            intent="Every pod of the cluster may ask the cluster's DNS, which asks nobody else.",
            labels=labels,
            pods=DNS_PODS,
            ingress=[{"from": [{"namespaceSelector": {}}], "ports": DNS_PORTS}],
        ),
        *(
            [_dns_to_api_server(labels)]
            if routes is None
            else [_system_route(route, labels) for route in routes]
        ),
        manifests.default_deny(SYSTEM_NAMESPACE, labels),
    ]


def _system_route(route: SystemRoute, labels: dict[str, str]) -> Manifest:
    rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": route.port}]}
    if route.peers:
        who = "from" if route.inbound else "to"
        rule[who] = [{"ipBlock": {"cidr": str(range_)}} for range_ in route.peers]
    return manifests.network_policy(
        SYSTEM_NAMESPACE,
        route.name,
        intent=route.intent,
        labels=labels,
        pods=route.pods,
        ingress=[rule] if route.inbound else None,
        egress=None if route.inbound else [rule],
    )


def _dns_to_api_server(labels: dict[str, str]) -> Manifest:
    return manifests.to_api_server(
        SYSTEM_NAMESPACE,
        "allow-dns-to-api-server",
        intent="DNS learns from the API server what there is to resolve.",
        labels=labels,
        pods=DNS_PODS,
    )


def _reader(role: str, rules: dict[str, list[str]], labels: dict[str, str]) -> list[Manifest]:
    """A read-only cluster role, and its binding to the group `ai-lab:ROLEs`."""
    name = f"ai-lab:{role}"
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": labels},
            "rules": [
                {"apiGroups": [group], "resources": resources, "verbs": _READ}
                for group, resources in rules.items()
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": labels},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": name,
            },
            "subjects": [
                {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Group",
                    "name": f"{name}s",
                }
            ],
        },
    ]
