"""The operator of sandboxes as it runs in the cluster, and what it may do there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from infra import naming
from infra.operator import configuration, contract, objects, rights
from infra.operator.configuration import Configuration
from infra.sandbox import roles
from tests.live.support import rbac
from tests.live.support.api import Api, eventually, say

DEPLOYMENT = f"/apis/apps/v1/namespaces/{objects.NAMESPACE}/deployments/{objects.NAME}"
PODS = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{objects.NAMESPACE}/leases/{objects.NAME}"
ACCOUNT = f"system:serviceaccount:{objects.NAMESPACE}:{objects.NAME}"
GROUPS = (
    "system:serviceaccounts",
    f"system:serviceaccounts:{objects.NAMESPACE}",
    "system:authenticated",
)
REPLICAS = 2
#: Seconds until pods that were just made are ready.
FIRST = 120

Right = tuple[str, str, str]


def pods(api: Api) -> list[dict[str, Any]]:
    """Pods of it that are not going away."""
    found = api.items(PODS, labelSelector=f"app.kubernetes.io/name={objects.NAME}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def ready(api: Api) -> dict[str, Any]:
    """Its Deployment's status, waited for."""
    return eventually(
        lambda: api.read(DEPLOYMENT)["status"],
        until=lambda found: found.get("readyReplicas") == REPLICAS,
        within=FIRST,
    )


def told(api: Api) -> Configuration:
    """What it is told of the lab."""
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/configmaps/{objects.NAME}"
    return configuration.parse(api.read(path)["data"][contract.CONFIGURATION.name])


def lease_fault(lease: dict[str, Any], names: set[str], now: datetime) -> str:
    """Why nobody leads; empty if a pod of these names does."""
    spec = lease.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    if not any(holder.startswith(f"{name}-") for name in names):
        return f"its lease is held by {holder or 'nobody'}, which is none of its pods"
    age = (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
    # As long again as others wait before they take it over.
    most = 2 * float(spec["leaseDurationSeconds"])
    return f"its lease was renewed {age:.0f} s ago" if age > most else ""


def server_time(api: Api) -> datetime:
    """The API server's clock, by which leases are judged."""
    answer = api.get("/version")
    assert answer.status_code == 200, say(answer)
    return datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )


def asked_rights(namespace: str) -> set[Right]:
    """What it needs in a namespace; what it may do in the whole cluster is part of it."""
    wanted = rbac.rule_set(roles.operator())
    for one in rights.rights({}):
        if one["kind"] == "Role" and one["metadata"]["namespace"] == namespace:
            wanted |= rbac.rule_set(one["rules"])
    return wanted


def given_rights(api: Api, namespace: str) -> set[Right]:
    """What the API server says that it may do there."""
    itself = api.acting_as(ACCOUNT, *GROUPS)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = itself.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    assert answer.status_code == 201, f"its rights cannot be asked for: {say(answer)}"
    return rbac.rule_set(answer.json()["status"]["resourceRules"])


def names_of(found: list[dict[str, Any]]) -> set[str]:
    return {str(one["metadata"]["name"]) for one in found}


#: Nothing that is named like this is ever made: every attempt is a dry run.
ATTEMPTS: dict[str, dict[str, Any]] = {
    "a namespace of another name": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "lab-verify-operator"},
    },
    "a network policy in kube-system": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "lab-verify-operator", "namespace": "kube-system"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
    },
    "a binding in its own namespace": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "lab-verify-operator", "namespace": objects.NAMESPACE},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": naming.PRINCIPAL_ROLE,
        },
        "subjects": [
            {"kind": "ServiceAccount", "name": objects.NAME, "namespace": objects.NAMESPACE}
        ],
    },
}
