"""What the principal of a sandbox may do in it. Pure.

Enough to run and watch a test; nothing that could widen the sandbox. Left out on purpose:

- roles, rolebindings, networkpolicies, quotas, limits: the walls are not the tenant's to move;
- secrets and serviceaccounts/token: secrets live in Vault, and a token request could make a
  token for any audience and up to any age;
- pods/attach, pods/ephemeralcontainers, nodes and everything without a namespace.
"""

from __future__ import annotations

from infra.cluster.manifests import Manifest

_CHANGE = ["create", "delete", "get", "list", "patch", "update", "watch"]
_READ = ["get", "list", "watch"]

ROLE = "principal"


def rules() -> list[dict[str, list[str]]]:
    """The rules of the role; each list is closed, none holds a wildcard."""
    return [
        _rule("", ["configmaps", "persistentvolumeclaims", "pods", "services"], _CHANGE),
        _rule("", ["pods/log"], ["get"]),
        # A shell and a user interface in one's own pods; kubectl asks with GET or with POST.
        _rule("", ["pods/exec", "pods/portforward"], ["create", "get"]),
        _rule("", ["events", "limitranges", "resourcequotas", "serviceaccounts"], _READ),
        _rule("apps", ["deployments", "statefulsets"], _CHANGE),
        _rule("apps", ["replicasets"], _READ),
        _rule("batch", ["cronjobs", "jobs"], _CHANGE),
        _rule("networking.k8s.io", ["networkpolicies"], _READ),
    ]


def role(namespace: str, labels: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": ROLE, "namespace": namespace, "labels": labels},
        "rules": rules(),
    }


def binding(namespace: str, principal: str, labels: dict[str, str]) -> Manifest:
    """Gives the role to one user. To be applied last, when every wall stands."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": ROLE, "namespace": namespace, "labels": labels},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ROLE},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": principal}],
    }


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, list[str]]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}
