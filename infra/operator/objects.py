"""The operator as plain Kubernetes objects. Pure: no Pulumi, no cluster.

Two pods, of which one works. Their namespace is closed both ways but for the API server, Vault,
the database, and a Prometheus that the platform runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from infra import naming
from infra.cluster import manifests
from infra.cluster.images import ANNOTATION_ARCHIVE, Image
from infra.cluster.manifests import Manifest
from infra.operator import contract, rights

NAMESPACE: Final = naming.OPERATOR_NAMESPACE
NAME: Final = naming.OPERATOR
#: Digest of what it is told: a change of it is a new pod.
ANNOTATION_TOLD: Final = f"{naming.LABEL_PREFIX}/told"
_PODS: Final = {"app.kubernetes.io/name": NAME}
_PROMETHEUS: Final = {"app.kubernetes.io/name": "prometheus"}
_USER: Final = 65532
#: Seconds.
_TOKEN_LIFE: Final = 3600
_VAULT_TOKEN_LIFE: Final = 600
#: Seconds: steps that are under way end, and the lease is given away.
_GRACE: Final = 40
_CREDENTIALS: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the operator goes besides the API server."""

    vault: tuple[IPv4Network, ...]
    vault_port: int
    database: tuple[IPv4Network, ...] = ()
    database_port: int = 5432


@dataclass(frozen=True, slots=True)
class Papers:
    """What is mounted: the configuration (JSON) and certificates of authorities (PEM); public."""

    configuration: Any
    vault_authority: Any
    database_authority: Any
    #: Changes with any of them.
    digest: Any


def objects(
    lab: str,
    kubernetes_version: str,
    image: Image,
    ways: Ways,
    papers: Papers,
    *,
    audience: str = "",
) -> list[Manifest]:
    """Every object, in an order in which they may be applied one by one: the pods come last.

    Args:
        lab: its name.
        kubernetes_version: of the cluster ("1.36.3").
        image: that it runs from.
        ways: where it goes.
        papers: what it is told.
        audience: of its token for the API server; without one that server's own default.
    """
    labels = {naming.LABEL_LAB: lab}
    security = manifests.pod_security_labels("restricted", kubernetes_version)
    return [
        manifests.namespace(NAMESPACE, labels={**labels, **security}),
        manifests.default_deny(NAMESPACE, labels),
        manifests.to_api_server(
            NAMESPACE,
            "allow-api-server",
            intent="The operator makes and destroys sandboxes.",
            labels=labels,
            pods=_PODS,
        ),
        *_to_stores(labels, ways),
        _from_prometheus(labels),
        manifests.service_account(NAMESPACE, "default", labels),
        manifests.service_account(NAMESPACE, NAME, labels),
        *rights.rights(labels),
        _papers(labels, papers),
        _budget(labels),
        _deployment(labels, image, papers, audience),
    ]


def _to_stores(labels: dict[str, str], ways: Ways) -> list[Manifest]:
    found = [
        ("allow-vault", "Keys and logins of sandboxes are in Vault.", ways.vault, ways.vault_port),
        (
            "allow-database",
            "What happened to sandboxes is kept in the lab's database.",
            ways.database,
            ways.database_port,
        ),
    ]
    return [
        manifests.network_policy(
            NAMESPACE,
            name,
            intent=intent,
            labels=labels,
            pods=_PODS,
            egress=[
                {
                    "to": [{"ipBlock": {"cidr": str(range_)}} for range_ in ranges],
                    "ports": [{"protocol": "TCP", "port": port}],
                }
            ],
        )
        for name, intent, ranges, port in found
        if ranges
    ]


def _from_prometheus(labels: dict[str, str]) -> Manifest:
    scraper = {
        "namespaceSelector": {"matchLabels": {naming.LABEL_MONITORING: "prometheus"}},
        "podSelector": {"matchLabels": _PROMETHEUS},
    }
    return manifests.network_policy(
        NAMESPACE,
        "allow-scraping",
        intent="The platform's Prometheus reads how the operator does.",
        labels=labels,
        pods=_PODS,
        ingress=[{"from": [scraper], "ports": [{"protocol": "TCP", "port": contract.PORT}]}],
    )


def _papers(labels: dict[str, str], papers: Papers) -> Manifest:
    data = {
        contract.CONFIGURATION.name: papers.configuration,
        contract.VAULT_AUTHORITY.name: papers.vault_authority,
    }
    if papers.database_authority is not None:
        data[contract.DATABASE_AUTHORITY.name] = papers.database_authority
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "data": data,
    }


def _budget(labels: dict[str, str]) -> Manifest:
    """Who empties nodes takes one pod after the other, so that one always works."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _PODS}},
    }


def _deployment(labels: dict[str, str], image: Image, papers: Papers, audience: str) -> Manifest:
    annotations = {
        ANNOTATION_TOLD: papers.digest,
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
            "replicas": 2,
            "revisionHistoryLimit": 2,
            # One always works; memory for three is memory that sandboxes lack.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _ROLLING},
            "selector": {"matchLabels": _PODS},
            "template": {
                "metadata": {"labels": {**labels, **_PODS}, "annotations": annotations},
                "spec": _pod(image, audience, with_database=papers.database_authority is not None),
            },
        },
    }


_ROLLING = {"maxUnavailable": 1, "maxSurge": 0}


def _pod(image: Image, audience: str, *, with_database: bool) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        # Its tokens are mounted below, each for whom it is.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {"podAntiAffinity": _APART},
        "containers": [
            {
                "name": NAME,
                "image": image.reference,
                "imagePullPolicy": image.pull,
                "command": ["python3", "-m", "infra.operator"],
                "ports": [{"name": "metrics", "containerPort": contract.PORT, "protocol": "TCP"}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "20m", "memory": "96Mi"},
                    "limits": {"cpu": "1", "memory": "256Mi"},
                },
                "startupProbe": _probe(every=1, failures=120),
                "readinessProbe": _probe(every=10, failures=3),
                "livenessProbe": _probe(every=30, failures=3),
                "volumeMounts": _mounts(with_database=with_database),
            }
        ],
        "volumes": _volumes(audience, with_database=with_database),
    }


#: On two nodes, where there are two.
_APART = {
    "preferredDuringSchedulingIgnoredDuringExecution": [
        {
            "weight": 100,
            "podAffinityTerm": {
                "labelSelector": {"matchLabels": _PODS},
                "topologyKey": "kubernetes.io/hostname",
            },
        }
    ]
}


def _probe(*, every: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": contract.HEALTH, "port": "metrics"},
        "periodSeconds": every,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _mounts(*, with_database: bool) -> Sequence[dict[str, Any]]:
    found = [
        {"name": "told", "mountPath": str(contract.CONFIGURATION.parent), "readOnly": True},
        {"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True},
        {"name": "vault", "mountPath": str(contract.VAULT_TOKEN.parent), "readOnly": True},
    ]
    if with_database:
        found.append({"name": "keys", "mountPath": str(contract.KEYS)})
    return found


def _volumes(audience: str, *, with_database: bool) -> Sequence[dict[str, Any]]:
    token: dict[str, Any] = {"path": "token", "expirationSeconds": _TOKEN_LIFE}
    if audience:
        token["audience"] = audience
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    for_vault = {
        "path": contract.VAULT_TOKEN.name,
        "audience": naming.VAULT_AUDIENCE,
        "expirationSeconds": _VAULT_TOKEN_LIFE,
    }
    found: list[dict[str, Any]] = [
        {"name": "told", "configMap": {"name": NAME}},
        {
            "name": "credentials",
            "projected": {"sources": [{"serviceAccountToken": token}, {"configMap": authority}]},
        },
        {"name": "vault", "projected": {"sources": [{"serviceAccountToken": for_vault}]}},
    ]
    if with_database:
        # The key of its certificate never lies on a disk.
        found.append({"name": "keys", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    return found
