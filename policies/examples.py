"""Objects for the examples of rules: such as a sandbox may have, and variations of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra import naming

NAMESPACE = "sandbox-example"
#: Of a sandbox that was asked for.
REQUESTED = naming.sandbox_namespace(f"{naming.REQUESTED_PREFIX}example")
#: Of a sandbox with a list of images that may run in it, which has one.
LISTED = "sandbox-listed"
IMAGE = f"registry.k8s.io/pause@sha256:{'0' * 64}"

#: Of a request for files. On a running API server its own stands in for it.
UID = "00000000-0000-4000-8000-000000000000"
#: Of a file; a lab may allow others only.
MEDIA_TYPE = "application/pdf"

#: People of the examples. On a running API server, users of the checks stand in for them.
SOMEBODY = "somebody@example.org"
OTHER = "other@example.org"
APPROVER = "approver@example.org"
SECOND_APPROVER = "second-approver@example.org"
OFFICER = "officer@example.org"
OPERATOR = "operator@example.org"
PEOPLE = (SOMEBODY, OTHER, APPROVER, SECOND_APPROVER, OFFICER, OPERATOR)
#: A workload of a sandbox.
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{naming.SANDBOX_SERVICE_ACCOUNT}"


def namespace_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The namespace of an example, such as a lab has it."""
    if manifest.get("kind") == "Namespace":
        return dict(manifest)
    name = (manifest.get("metadata") or {}).get("namespace", "default")
    prefix = naming.sandbox_namespace("")
    if not name.startswith(prefix):
        return wide_namespace(name)
    found = wide_namespace(name, labels={naming.LABEL_SANDBOX: name.removeprefix(prefix)})
    if name.startswith(LISTED):
        found["metadata"]["annotations"] = {naming.ANNOTATION_IMAGES: IMAGE}
    return found


def wide_namespace(name: str, **metadata: Any) -> dict[str, Any]:
    """A namespace."""
    return wide("Namespace", metadata={"name": name, **metadata})


def requested_namespace(*, enforce: str = "restricted", **metadata: Any) -> dict[str, Any]:
    """The namespace of a new sandbox, as its operator makes it; `metadata` adds to its own."""
    labels = {
        naming.LABEL_SANDBOX: f"{naming.REQUESTED_PREFIX}new",
        "pod-security.kubernetes.io/enforce": enforce,
    }
    labels |= metadata.pop("labels", {})
    return wide_namespace(f"{REQUESTED}-new", labels=labels, **metadata)


def sandbox(name: str = "example", **spec: Any) -> dict[str, Any]:
    """A request for a sandbox; `spec` adds to it."""
    whole = {"purpose": "Measure the bias of a model", "requester": SOMEBODY, "ttl": "8h"}
    return wide(
        "Sandbox",
        api_version=f"{naming.LABEL_PREFIX}/v1alpha1",
        metadata={"name": name},
        spec=whole | spec,
    )


def transfer(name: str = "example", **spec: Any) -> dict[str, Any]:
    """A request to take a report out of a sandbox; `spec` adds to it."""
    file = {"name": "report.pdf", "sha256": "0" * 64, "size": 1, "type": MEDIA_TYPE}
    whole = {
        "sandbox": "example",
        "requester": SOMEBODY,
        "direction": "export",
        "content": "report",
        "files": [file],
        "note": "Rates of error by age group; no case can be told from it",
    }
    return manifest(
        "Transfer",
        api_version=f"{naming.LABEL_PREFIX}/v1alpha1",
        metadata={"name": name, "uid": UID},
        spec=whole | spec,
    )


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
