"""Who may do what with sandboxes: cluster roles, closed lists without wildcards. Pure.

Rights on `sandboxes/approval`, `sandboxes/suspension` and `transfers/approval`, subresources that
no object has, are asked for at admission (policies/rules/kubernetes): with `patch` alone nobody
approves or suspends. Nobody here may `update` a Sandbox or a Transfer, which would replace what
others have said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra import naming
from infra.cluster.manifests import Manifest
from infra.sandbox import access, transfer
from infra.sandbox.resource import GROUP, PLURAL

Rule = dict[str, list[str]]

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_MAKE = ["create", "get", "list", "patch", "delete"]
_KEEP = ["create", "get", "list", "patch"]

#: Kinds of Kubernetes and Cilium in which the operator looks for what is left of a sandbox,
#: wherever that could be, and with which it does nothing else.
_SWEPT: dict[str, list[str]] = {
    "": ["endpoints", "events", "nodes", "podtemplates", "replicationcontrollers", "services"],
    "admissionregistration.k8s.io": [
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    ],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
    "apiregistration.k8s.io": ["apiservices"],
    "apps": ["controllerrevisions", "daemonsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "certificates.k8s.io": ["certificatesigningrequests"],
    "cilium.io": [
        "ciliumclusterwidenetworkpolicies",
        "ciliumendpoints",
        "ciliumnetworkpolicies",
        "ciliumnodes",
    ],
    "coordination.k8s.io": ["leases"],
    "discovery.k8s.io": ["endpointslices"],
    "events.k8s.io": ["events"],
    "flowcontrol.apiserver.k8s.io": ["flowschemas", "prioritylevelconfigurations"],
    "networking.k8s.io": ["ingressclasses", "ingresses", "ipaddresses", "servicecidrs"],
    "node.k8s.io": ["runtimeclasses"],
    "policy": ["poddisruptionbudgets"],
    _RBAC: ["clusterrolebindings", "clusterroles", "roles"],
    "resource.k8s.io": [
        "deviceclasses",
        "resourceclaims",
        "resourceclaimtemplates",
        "resourceslices",
    ],
    "scheduling.k8s.io": ["priorityclasses"],
    "storage.k8s.io": [
        "csidrivers",
        "csinodes",
        "csistoragecapacities",
        "storageclasses",
        "volumeattachments",
        "volumeattributesclasses",
    ],
}


def _rule(group: str, resources: list[str], verbs: list[str]) -> Rule:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def requester() -> list[Rule]:
    """Asks, renews, destroys his own, and sees everybody's."""
    return [_rule(GROUP, [PLURAL], ["create", *_READ, "patch", "delete"])]


def approver() -> list[Rule]:
    """Approves and rejects sandboxes, and files that are to enter or leave them."""
    return [
        _rule(GROUP, [PLURAL, transfer.PLURAL], [*_READ, "patch"]),
        _rule(GROUP, [f"{PLURAL}/approval", f"{transfer.PLURAL}/approval"], ["update"]),
    ]


def officer() -> list[Rule]:
    """Suspends, lets go on, destroys; sees what enters and leaves."""
    return [
        _rule(GROUP, [PLURAL], [*_READ, "patch", "delete"]),
        _rule(GROUP, [transfer.PLURAL], _READ),
        _rule(GROUP, [f"{PLURAL}/suspension"], ["update", "delete"]),
    ]


def operator() -> list[Rule]:
    """Makes and destroys sandboxes; `patch` is for its finalizer, and admission keeps it off the
    spec. What it may do in namespaces, admission lets it do in those of sandboxes only.

    Secrets and ConfigMaps, which are others' content, it cannot even list.
    """
    gives = _rule(_RBAC, ["clusterroles"], ["bind"])
    return [
        _rule(GROUP, [PLURAL], [*_READ, "patch", "delete"]),
        # `update` says to policies who the operator is.
        _rule(GROUP, [f"{PLURAL}/status"], ["patch", "update"]),
        # What others said about files is recorded, and what came of it.
        _rule(GROUP, [transfer.PLURAL], _READ),
        _rule(GROUP, [f"{transfer.PLURAL}/status"], ["patch"]),
        _rule("", ["namespaces"], [*_MAKE, "watch"]),
        _rule("", ["limitranges", "resourcequotas"], _KEEP),
        _rule("", ["serviceaccounts"], _MAKE),
        _rule("networking.k8s.io", ["networkpolicies"], _MAKE),
        _rule(_RBAC, ["rolebindings"], [*_KEEP, "deletecollection"]),
        # It gives rights that it does not have itself, and no others.
        {**gives, "resourceNames": [naming.PRINCIPAL_ROLE, naming.TOKEN_ROLE]},
        # The probe, and everything that is in a sandbox at its end.
        _rule("", ["pods"], ["create", "delete", "deletecollection", *_READ]),
        _rule("", ["persistentvolumeclaims"], ["deletecollection", *_READ]),
        _rule("", ["persistentvolumes"], [*_READ, "delete"]),
        # What the network remembers of pods that are gone.
        _rule("cilium.io", ["ciliumidentities"], ["delete", "list"]),
        _rule("apps", ["deployments", "replicasets", "statefulsets"], ["deletecollection", "list"]),
        _rule("batch", ["cronjobs", "jobs"], ["deletecollection", "list"]),
        *(_rule(group, kinds, ["list"]) for group, kinds in _SWEPT.items()),
    ]


def principal() -> list[Rule]:
    """What the person of a sandbox may do in it, by binding: work, and ask for files to enter or
    leave. Admission lets the person ask, and not the person's programs.
    """
    return [*access.rules(), _rule(GROUP, [transfer.PLURAL], ["create", *_READ, "delete"])]


def token() -> list[Rule]:
    """Tokens of one account, for programs of the person of a sandbox."""
    rule = _rule("", ["serviceaccounts/token"], ["create"])
    return [{**rule, "resourceNames": [naming.PRINCIPAL_SERVICE_ACCOUNT]}]


def roles() -> list[Manifest]:
    """Every cluster role of the service."""
    found = {
        naming.REQUESTER_ROLE: requester(),
        naming.APPROVER_ROLE: approver(),
        naming.OFFICER_ROLE: officer(),
        naming.OPERATOR_ROLE: operator(),
        naming.PRINCIPAL_ROLE: principal(),
        naming.TOKEN_ROLE: token(),
    }
    return [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        }
        for name, rules in found.items()
    ]


def binding(role: str, subjects: Iterable[dict[str, Any]]) -> Manifest:
    """Gives a cluster role to people or programs."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }
