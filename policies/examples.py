"""Objects for the examples of rules: such as a sandbox may have, and variations of them."""

from __future__ import annotations

from typing import Any

from infra import naming

NAMESPACE = "sandbox-example"
IMAGE = f"registry.k8s.io/pause@sha256:{'0' * 64}"


def pod(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod that every rule admits, but for what is given.

    Args:
        container: changes to its container.
        spec: changes to its description; None removes a field.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "example", "namespace": NAMESPACE},
        "spec": pod_spec(container, **spec),
    }


def pod_spec(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    resources = {"cpu": "100m", "memory": "64Mi"}
    only: dict[str, Any] = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    whole: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "serviceAccountName": naming.SANDBOX_SERVICE_ACCOUNT,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_without_none(only | (container or {}))],
    }
    return _without_none(whole | spec)


def security(**changes: Any) -> dict[str, Any]:
    """Changes to the rights of the container; None removes one."""
    whole = pod_spec()["containers"][0]["securityContext"]
    return {"securityContext": _without_none(whole | changes)}


def deployment(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A deployment of such a pod."""
    labels = {"app": "example"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "example", "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(container, **spec)},
        },
    }


def manifest(kind: str, *, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    """Any other object of the sandbox; `metadata` adds to its own."""
    metadata = {"name": "example", "namespace": NAMESPACE} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def wide(kind: str, *, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    """An object of the whole cluster; `metadata` adds to its own."""
    metadata = {"name": "example"} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def service(**spec: Any) -> dict[str, Any]:
    """A Service that every rule admits, but for what is given; None removes a field."""
    whole = {"selector": {"app": "example"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    return manifest("Service", spec=_without_none(whole | spec))


def role(**rule: list[str]) -> dict[str, Any]:
    """A Role with one rule that every rule here admits, but for what is given."""
    whole = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    return manifest("Role", api_version="rbac.authorization.k8s.io/v1", rules=[whole | rule])


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
