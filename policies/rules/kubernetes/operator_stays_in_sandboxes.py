"""The operator of sandboxes works in sandboxes that were asked for, and nowhere else.

RBAC cannot say so: rights in namespaces that do not exist yet are rights in all.
"""

from typing import Any

from infra import naming
from policies import kinds
from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import (
    NAMESPACE,
    OPERATOR,
    REQUESTED,
    manifest,
    requested_namespace,
    role,
    wide,
    wide_namespace,
)
from policies.kinds import (
    CILIUM_IDENTITY,
    CILIUM_POLICY,
    CONFIG_MAP,
    LIMIT_RANGE,
    NETWORK_POLICY,
    POD,
    RESOURCE_QUOTA,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    TOKEN_REQUEST,
    VOLUME_CLAIM,
)
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_ENFORCE = "pod-security.kubernetes.io/enforce"
_LABELS = "object != null && has(object.metadata.labels) ? object.metadata.labels : {}"
_STRICT = (
    f"'{naming.LABEL_SANDBOX}' in variables.labels && '{_ENFORCE}' in variables.labels && "
    f"variables.labels['{_ENFORCE}'] == 'restricted'"
)
#: A volume has no namespace; it is deleted with the sandbox whose claim it is bound to.
_OWN_VOLUME = (
    "object == null && oldObject.kind == 'PersistentVolume' && has(dyn(oldObject).spec.claimRef) "
    "&& dyn(oldObject).spec.claimRef.namespace.startsWith("
    f"'{naming.sandbox_namespace(naming.REQUESTED_PREFIX)}')"
)
#: What the network remembers of pods that were in a sandbox.
_IDENTITY_OF = "io.kubernetes.pod.namespace"
_OWN_IDENTITY = (
    "object == null && oldObject.kind == 'CiliumIdentity' && has(oldObject.metadata.labels) && "
    f"'{_IDENTITY_OF}' in oldObject.metadata.labels && "
    f"oldObject.metadata.labels['{_IDENTITY_OF}'].startsWith("
    f"'{naming.sandbox_namespace(naming.REQUESTED_PREFIX)}')"
)
_POLICY: dict[str, Any] = {
    "api_version": "networking.k8s.io/v1",
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
_RBAC = "rbac.authorization.k8s.io"
_TO_ADMIN: dict[str, Any] = {
    "api_version": f"{_RBAC}/v1",
    "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": naming.PRINCIPAL_ROLE},
    "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": "somebody@example.org"}],
}


def _in(namespace: str, kind: str, **fields: Any) -> dict[str, Any]:
    return manifest(kind, metadata={"namespace": namespace}, **fields)


def _called(name: str) -> dict[str, Any]:
    """Right but for its name."""
    return wide_namespace(name, labels=requested_namespace()["metadata"]["labels"])


def _volume(namespace: str) -> dict[str, Any]:
    return wide(
        "PersistentVolume",
        spec={
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "nfs": {"server": "192.0.2.1", "path": "/example"},
            "claimRef": {"namespace": namespace, "name": "example"},
        },
    )


def _identity(namespace: str) -> dict[str, Any]:
    return wide(
        "CiliumIdentity",
        api_version="cilium.io/v2",
        metadata={"labels": {_IDENTITY_OF: namespace}},
        **{"security-labels": {f"k8s:{_IDENTITY_OF}": namespace}},
    )


def _operator(object_: Any, before: Any = None) -> Attempt:
    return Attempt(object_, before, user=OPERATOR, operator=True)


RULE = Rule(
    id="operator-stays-in-sandboxes",
    title="The operator of sandboxes changes sandboxes that were asked for, and nothing else.",
    reason="It may make namespaces, roles and network policies wherever it likes: taken over, it "
    "would own the cluster, and every sandbox of the lab's configuration.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "SATRE-2.2.10", "CIS-K8S-5.1.1", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            kinds.NAMESPACE,
            kinds.VOLUME,
            CILIUM_IDENTITY,
            CILIUM_POLICY,
            CONFIG_MAP,
            LIMIT_RANGE,
            NETWORK_POLICY,
            POD,
            RESOURCE_QUOTA,
            ROLE,
            ROLE_BINDING,
            SERVICE_ACCOUNT,
            TOKEN_REQUEST,
            VOLUME_CLAIM,
        ),
        scope=Scope.CLUSTER,
        operations=("CREATE", "UPDATE", "DELETE"),
        variables={"labels": _LABELS},
        validations=(
            Validation(
                "!variables.sandbox_operator || variables.platform || variables.own_sandbox || "
                f"({_OWN_VOLUME}) || ({_OWN_IDENTITY})",
                "the operator of sandboxes changes what is in its own namespaces only.",
            ),
            Validation(
                "!variables.sandbox_operator || variables.platform || object == null || "
                f"object.kind != 'Namespace' || ({_STRICT})",
                "what the operator makes is a sandbox and restricted, and says so by label.",
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(),
        allowed=(
            _operator(requested_namespace()),
            _operator(requested_namespace(labels={naming.LABEL_OWNER: "1"}), requested_namespace()),
            _operator(None, requested_namespace()),
            _operator(None, _volume(REQUESTED)),
            _operator(None, _identity(REQUESTED)),
            _operator(_in(REQUESTED, "NetworkPolicy", **_POLICY)),
            _operator(_in(REQUESTED, "RoleBinding", **_TO_ADMIN)),
            Attempt(_in("kube-system", "NetworkPolicy", **_POLICY), platform=True),
        ),
        refused=(
            _operator(_called("kube-more")),
            _operator(_called("lab-more")),
            _operator(_called("team-blue")),
            _operator(_called("sandbox-other")),
            _operator(None, _called("sandbox-other")),
            _operator(requested_namespace(enforce="privileged")),
            _operator(requested_namespace(enforce="privileged"), requested_namespace()),
            _operator(wide_namespace(f"{REQUESTED}-new")),
            _operator(_in("kube-system", "NetworkPolicy", **_POLICY)),
            _operator(_in("kube-system", "RoleBinding", **_TO_ADMIN)),
            _operator(_in(NAMESPACE, "RoleBinding", **_TO_ADMIN)),
            _operator(_in("default", "ServiceAccount", automountServiceAccountToken=False)),
            _operator(role()),
            _operator(None, _volume(NAMESPACE)),
            _operator(None, _identity(NAMESPACE)),
            _operator(None, _identity("kube-system")),
            _operator(_identity(REQUESTED)),
            _operator(_volume(REQUESTED)),
        ),
    ),
    live=tried("operator-stays-in-sandboxes"),
    remedy="Leave it to the platform.",
)
