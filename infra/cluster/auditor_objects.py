"""The policy auditor as plain Kubernetes objects. Pure: no Pulumi, no cluster.

Its namespace is closed both ways but for the API server and for a Prometheus that the platform
runs; it may list what rules speak of, and nothing with content: no secrets, no configmaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from infra import naming
from infra.auditor import contract, scope
from infra.auditor.told import Told
from infra.cluster import manifests
from infra.cluster.images import ANNOTATION_ARCHIVE, Image
from infra.cluster.manifests import Manifest
from policies.registry import all_rules

NAMESPACE: Final = naming.AUDITOR_NAMESPACE
NAME: Final = naming.AUDITOR
#: Of the role in the whole cluster.
ROLE: Final = "ai-lab:policy-auditor"
#: Digest of what it is told: a change of it is a new pod.
_ANNOTATION_TOLD: Final = f"{naming.LABEL_PREFIX}/told"
_PODS: Final = {"app.kubernetes.io/name": NAME}
_PROMETHEUS: Final = {"app.kubernetes.io/name": "prometheus"}
_USER: Final = 65532
#: Seconds.
_TOKEN_LIFE: Final = 3600
_RBAC: Final = "rbac.authorization.k8s.io"
#: Where every pod finds the credentials of its account; infra.kubernetes.in_cluster reads it.
_CREDENTIALS: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where pods reach an API server that is no node of its cluster: a provider's."""

    peers: tuple[IPv4Network, ...]
    port: int


def objects(
    lab: str,
    told: Told,
    image: Image,
    *,
    audience: str = "",
    api_server: ApiServer | None = None,
) -> list[Manifest]:
    """Every object, in an order in which they may be applied one by one: the pod comes last.

    Args:
        lab: its name.
        told: what the auditor must know of it.
        image: that it runs from.
        audience: of its token; without one the API server's own default.
        api_server: where that is; without it, it is a node, which the lab's own Cilium knows.
    """
    labels = {naming.LABEL_LAB: lab}
    security = manifests.pod_security_labels("restricted", told.kubernetes_version)
    return [
        manifests.namespace(NAMESPACE, labels={**labels, **security}),
        manifests.default_deny(NAMESPACE, labels),
        _to_api_server(labels, api_server),
        _from_prometheus(labels),
        manifests.service_account(NAMESPACE, "default", labels),
        manifests.service_account(NAMESPACE, NAME, labels),
        *_rights(labels),
        _configuration(labels, told),
        _deployment(labels, told, image, audience),
    ]


def _to_api_server(labels: dict[str, str], api_server: ApiServer | None) -> Manifest:
    intent = "The auditor lists what policies are about."
    if api_server is not None:
        peers = [{"ipBlock": {"cidr": str(range_)}} for range_ in api_server.peers]
        ports = [{"protocol": "TCP", "port": api_server.port}]
        return manifests.network_policy(
            NAMESPACE,
            "allow-api-server",
            intent=intent,
            labels=labels,
            pods=_PODS,
            egress=[{"to": peers, "ports": ports}],
        )
    return manifests.to_api_server(
        NAMESPACE, "allow-api-server", intent=intent, labels=labels, pods=_PODS
    )


def _from_prometheus(labels: dict[str, str]) -> Manifest:
    """Tenants cannot label a namespace; the pod's own label alone would be anybody's."""
    scraper = {
        "namespaceSelector": {"matchLabels": {naming.LABEL_MONITORING: "prometheus"}},
        "podSelector": {"matchLabels": _PROMETHEUS},
    }
    return manifests.network_policy(
        NAMESPACE,
        "allow-scraping",
        intent="The platform's Prometheus reads what the auditor found.",
        labels=labels,
        pods=_PODS,
        ingress=[{"from": [scraper], "ports": [{"protocol": "TCP", "port": contract.PORT}]}],
    )


def _rights(labels: dict[str, str]) -> list[Manifest]:
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": ["get", "list"]}
        for group, resources in scope.rights(all_rules().values()).items()
    ]
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": ROLE, "labels": labels},
            "rules": rules,
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ROLE, "labels": labels},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": ROLE},
            "subjects": [subject],
        },
    ]


def _configuration(labels: dict[str, str], told: Told) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "data": {contract.CONFIGURATION.name: told.document},
    }


def _deployment(labels: dict[str, str], told: Told, image: Image, audience: str) -> Manifest:
    """One pod: a second one would find the same and show it twice."""
    digest = hashlib.sha256(told.document.encode()).hexdigest()
    annotations = {
        _ANNOTATION_TOLD: digest,
        ANNOTATION_ARCHIVE: image.archive,
        "prometheus.io/path": contract.METRICS,
        "prometheus.io/port": str(contract.PORT),
        "prometheus.io/scrape": "true",
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {**labels, **_PODS}},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 2,
            # Memory for two is memory that sandboxes lack.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _PODS},
            "template": {
                "metadata": {"labels": {**labels, **_PODS}, "annotations": annotations},
                "spec": _pod(image, audience),
            },
        },
    }


def _pod(image: Image, audience: str) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        # Its token is mounted below, for whom it is and for an hour.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": NAME,
                "image": image.reference,
                "imagePullPolicy": image.pull,
                "command": ["python3", "-m", "infra.auditor"],
                "ports": [{"name": "metrics", "containerPort": contract.PORT, "protocol": "TCP"}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "10m", "memory": "64Mi"},
                    "limits": {"cpu": "500m", "memory": "128Mi"},
                },
                # Started is when it answers; a round that is late makes it ill.
                "startupProbe": _probe(every=1, failures=120),
                "readinessProbe": _probe(every=10, failures=3),
                "livenessProbe": _probe(every=30, failures=3),
                "volumeMounts": _mounts(),
            }
        ],
        "volumes": [
            {"name": "told", "configMap": {"name": NAME}},
            {"name": "credentials", "projected": {"sources": _credentials(audience)}},
        ],
    }


def _probe(*, every: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": contract.HEALTH, "port": "metrics"},
        "periodSeconds": every,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _mounts() -> Sequence[dict[str, Any]]:
    return [
        {
            "name": "told",
            "mountPath": str(contract.CONFIGURATION),
            "subPath": contract.CONFIGURATION.name,
            "readOnly": True,
        },
        {"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True},
    ]


def _credentials(audience: str) -> list[dict[str, Any]]:
    """What Kubernetes would mount by itself, but the token is named for whom it is."""
    token: dict[str, Any] = {"path": "token", "expirationSeconds": _TOKEN_LIFE}
    if audience:
        token["audience"] = audience
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return [{"serviceAccountToken": token}, {"configMap": authority}]
