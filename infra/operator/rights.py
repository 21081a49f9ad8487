"""What the operator may do in two namespaces that are no sandboxes: keep its lease, tell events.

What it may do in the whole cluster stands beside what people may do (infra.sandbox.roles). Pure.
"""

from __future__ import annotations

from infra import naming
from infra.cluster.manifests import Manifest
from infra.operator.events import NAMESPACE as EVENTS_NAMESPACE

_RBAC = "rbac.authorization.k8s.io"
_LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
_LEASE = [
    # A lease that is not there yet cannot be named.
    {**_LEASES, "verbs": ["create", "list", "watch"]},
    {**_LEASES, "verbs": ["get", "update"], "resourceNames": [naming.OPERATOR]},
]
_EVENTS = [{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}]


def rights(labels: dict[str, str]) -> list[Manifest]:
    """A role and its binding in each of the two namespaces."""
    found: list[Manifest] = []
    for namespace, rules in ((naming.OPERATOR_NAMESPACE, _LEASE), (EVENTS_NAMESPACE, _EVENTS)):
        metadata = {"name": naming.OPERATOR, "namespace": namespace, "labels": labels}
        found += [
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": rules,
            },
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": naming.OPERATOR},
                "subjects": [
                    {
                        "kind": "ServiceAccount",
                        "name": naming.OPERATOR,
                        "namespace": naming.OPERATOR_NAMESPACE,
                    }
                ],
            },
        ]
    return found
