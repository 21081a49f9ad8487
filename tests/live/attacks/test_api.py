"""What the person of a sandbox, and programs of that person, try at the API server.

Every attempt is a dry run where it would change something. The control of each: the attacker is
somebody whom the API server lets work in the own sandbox, in the same way, in the same moment; and
where a request could be refused for its form, somebody who may send the very same.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra import naming
from infra.naming import LABEL_PREFIX
from infra.sandbox.resource import API_VERSION, PATH
from tests.live.support import probes
from tests.live.support.api import Api, collection, say
from tests.live.support.tenants import Pair

_RBAC = "rbac.authorization.k8s.io"
_AUTHN = "authentication.k8s.io"
_DRY = {"dryRun": "All"}
_MERGE = "application/merge-patch+json"

#: Who sends it: the person, or a program with the person's token.
Sender = Callable[[Pair], Api]


def person(pair: Pair) -> Api:
    return pair.attacker.person


def program(pair: Pair) -> Api:
    return pair.attacker.program


@dataclass(frozen=True, slots=True)
class Attack:
    """A request; {own} and {victim} in its path and body are namespaces, {sandbox} and {other}
    the names of the sandboxes. `same`: the administrator may send the very same.
    """

    id: str
    method: str
    path: str
    body: Callable[[Pair], dict[str, Any]] | None = None
    same: bool = True
    #: What the administrator is answered: some things end in an upgrade that is not asked for.
    allowed: tuple[int, ...] = (200, 201)

    def send(self, pair: Pair, sender: Api) -> httpx.Response:
        body = self.body(pair) if self.body else None
        headers = {"Content-Type": _MERGE} if self.method == "PATCH" else {}
        changes = self.method not in ("GET", "HEAD") and "?" not in self.path
        return sender.send(
            self.method, pair.path(self.path), body, _DRY if changes else {}, headers
        )


def _metadata(name: str, namespace: str = "") -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}


def _role(pair: Pair) -> dict[str, Any]:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": _metadata("mine", pair.attacker.namespace),
        "rules": [rule],
    }


def _binding(kind: str, role: str) -> Callable[[Pair], dict[str, Any]]:
    def body(pair: Pair) -> dict[str, Any]:
        namespace = pair.attacker.namespace if kind == "RoleBinding" else ""
        return {
            "apiVersion": f"{_RBAC}/v1",
            "kind": kind,
            "metadata": _metadata("mine", namespace),
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": pair.attacker.user}],
        }

    return body


def _token(_: Pair) -> dict[str, Any]:
    return {"apiVersion": f"{_AUTHN}/v1", "kind": "TokenRequest", "spec": {}}


def _signing_request(_: Pair) -> dict[str, Any]:
    """A client certificate of the group that may do everything."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            x509.NameAttribute(NameOID.COMMON_NAME, "mine"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM)
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": _metadata("mine"),
        "spec": {
            "request": base64.b64encode(pem).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    }


def _network_policy(pair: Pair) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata("open", pair.attacker.namespace),
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }


def _cilium_policy(pair: Pair) -> dict[str, Any]:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": _metadata("open", pair.attacker.namespace),
        "spec": {"endpointSelector": {}, "egress": [{"toEntities": ["all"]}]},
    }


def _namespace(pair: Pair) -> dict[str, Any]:
    """One that looks like a sandbox of the victim's."""
    name = naming.sandbox_namespace(f"{naming.REQUESTED_PREFIX}{'a' * 16}")
    labels = {naming.LABEL_SANDBOX: pair.victim.namespace}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _labels(pair: Pair) -> dict[str, Any]:
    return {"metadata": {"labels": {naming.LABEL_SANDBOX: pair.victim.name}}}


def _privileged(_: Pair) -> dict[str, Any]:
    return {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}


def _volume(_: Pair) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": _metadata("mine"),
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/"},
        },
    }


def _lease(_: Pair) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": _metadata("mine", "kube-node-lease"),
        "spec": {"holderIdentity": "mine", "leaseDurationSeconds": 40},
    }


def _account(pair: Pair) -> dict[str, Any]:
    metadata = _metadata("mine", pair.attacker.namespace)
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _event(pair: Pair) -> dict[str, Any]:
    own = pair.attacker.namespace
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": _metadata("mine", own),
        "involvedObject": {"kind": "Pod", "namespace": own, "name": "mine"},
        "reason": "Flood",
        "type": "Normal",
    }


def _slice(pair: Pair) -> dict[str, Any]:
    """A service of one's own whose endpoint is the secret store."""
    own = pair.attacker.namespace
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**_metadata("mine", own), "labels": {"kubernetes.io/service-name": "mine"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [str(pair.lab.vault.address)]}],
        "ports": [{"port": 8200}],
    }


def _review(_: Pair) -> dict[str, Any]:
    return {"apiVersion": f"{_AUTHN}/v1", "kind": "TokenReview", "spec": {"token": "any"}}


def _spec(**fields: Any) -> Callable[[Pair], dict[str, Any]]:
    return lambda _: {"spec": fields}


def _crd(_: Pair) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "mines.example.org"},
        "spec": {
            "group": "example.org",
            "names": {"plural": "mines", "singular": "mine", "kind": "Mine"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _own(kinds: str) -> str:
    return f"/api/v1/namespaces/{{own}}/{kinds}"


def _victims(kinds: str) -> str:
    return f"/api/v1/namespaces/{{victim}}/{kinds}"


_RBAC_OWN = f"/apis/{_RBAC}/v1/namespaces/{{own}}"
_NETWORK_OWN = "/apis/networking.k8s.io/v1/namespaces/{own}/networkpolicies"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
ATTACKS = (
    # Rights.
    Attack("escalate", "POST", f"{_RBAC_OWN}/roles", _role, same=False),
    Attack(
        "bind",
        "POST",
        f"{_RBAC_OWN}/rolebindings",
        _binding("RoleBinding", "admin"),
        same=False,
    ),
    Attack(
        "bind-everywhere",
        "POST",
        f"/apis/{_RBAC}/v1/clusterrolebindings",
        _binding("ClusterRoleBinding", "view"),
    ),
    Attack("token-of-workloads", "POST", _own("serviceaccounts/sandbox/token"), _token),
    Attack("token-of-victim", "POST", _victims("serviceaccounts/principal/token"), _token),
    Attack(
        "token-of-kube-system",
        "POST",
        "/api/v1/namespaces/kube-system/serviceaccounts/default/token",
        _token,
    ),
    Attack("account", "POST", _own("serviceaccounts"), _account, same=False),
    Attack(
        "certificate",
        "POST",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        _signing_request,
        # Kubernetes itself signs this group for nobody.
        same=False,
    ),
    Attack("review-tokens", "POST", f"/apis/{_AUTHN}/v1/tokenreviews", _review),
    # Nodes.
    Attack("nodes-proxy", "GET", "/api/v1/nodes/{worker}/proxy/pods"),
    Attack("nodes", "GET", "/api/v1/nodes"),
    Attack("node-labels", "PATCH", "/api/v1/nodes/{worker}", lambda _: {"metadata": {}}),
    Attack(
        "node-lease",
        "POST",
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
        _lease,
    ),
    # Others.
    Attack("victim-pods", "GET", _victims("pods")),
    Attack("victim-secrets", "GET", _victims("secrets")),
    Attack("victim-configmaps", "GET", _victims("configmaps")),
    Attack("victim-events", "GET", _victims("events")),
    Attack("victim-exec", "GET", _victims("pods/server/exec?command=id"), allowed=(400, 404)),
    Attack("victim-logs", "GET", _victims("pods/server/log"), allowed=(200, 404)),
    Attack("victim-forward", "GET", _victims("pods/server/portforward"), allowed=(400, 404)),
    Attack("all-secrets", "GET", "/api/v1/secrets"),
    Attack("all-namespaces", "GET", "/api/v1/namespaces"),
    # The own sandbox's walls.
    Attack("own-secrets", "GET", _own("secrets")),
    Attack("own-attach", "GET", _own("pods/server/attach"), allowed=(400, 404)),
    Attack(
        "own-ephemeral",
        "PATCH",
        _own("pods/server/ephemeralcontainers"),
        lambda _: {"spec": {"ephemeralContainers": []}},
        allowed=(200, 404),
    ),
    Attack("network-policy", "POST", _NETWORK_OWN, _network_policy, same=False),
    Attack(
        "cilium-policy",
        "POST",
        "/apis/cilium.io/v2/namespaces/{own}/ciliumnetworkpolicies",
        _cilium_policy,
        same=False,
    ),
    Attack("default-deny", "DELETE", f"{_NETWORK_OWN}/default-deny"),
    Attack("quota", "DELETE", _own("resourcequotas/sandbox")),
    Attack("limits", "DELETE", _own("limitranges/sandbox")),
    Attack(
        "endpoints",
        "POST",
        "/apis/discovery.k8s.io/v1/namespaces/{own}/endpointslices",
        _slice,
        same=False,
    ),
    Attack("events", "POST", _own("events"), _event),
    # Names and labels.
    Attack("label-of-victim", "PATCH", "/api/v1/namespaces/{own}", _labels, same=False),
    Attack("label-privileged", "PATCH", "/api/v1/namespaces/{own}", _privileged),
    Attack("namespace", "POST", "/api/v1/namespaces", _namespace, same=False),
    Attack("namespace-gone", "DELETE", "/api/v1/namespaces/{own}"),
    Attack("victim-gone", "DELETE", f"{PATH}/{{other}}"),
    Attack(
        "victim-rejected",
        "PATCH",
        f"{PATH}/{{other}}",
        _spec(rejection={"by": "x", "reason": "y"}),
        same=False,
    ),
    # What was asked for.
    Attack(
        "status",
        "PATCH",
        f"{PATH}/{{sandbox}}/status",
        lambda _: {"status": {"phase": "Ready"}},
        same=False,
    ),
    Attack("lives-longer", "PATCH", f"{PATH}/{{sandbox}}", _spec(ttl="700h"), same=False),
    Attack("larger", "PATCH", f"{PATH}/{{sandbox}}", _spec(profile="huge"), same=False),
    # The cluster.
    Attack("volume", "POST", "/api/v1/persistentvolumes", _volume, same=False),
    Attack("definition", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _crd),
    Attack("policies", "GET", f"{_ADMISSION}/validatingadmissionpolicybindings"),
    Attack(
        "policy-gone",
        "DELETE",
        f"{_ADMISSION}/validatingadmissionpolicybindings/ai-lab-services-stay-inside",
    ),
    Attack(
        "policy-changed",
        "PATCH",
        f"{_ADMISSION}/validatingadmissionpolicies/ai-lab-services-stay-inside",
        _spec(failurePolicy="Ignore"),
    ),
    Attack(
        "policy-binding-changed",
        "PATCH",
        f"{_ADMISSION}/validatingadmissionpolicybindings/ai-lab-services-stay-inside",
        _spec(validationActions=["Warn"]),
    ),
)


def _refused(answer: httpx.Response) -> bool:
    """By right or by policy (403); or by what a Sandbox must be (422)."""
    return answer.status_code in (403, 422)


@pytest.mark.check(id="attacks.api", area="attacks")
@pytest.mark.parametrize("sender", [person, program], ids=["person", "program"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda found: found.id)
def test_refused(attack: Attack, sender: Sender, pair: Pair) -> None:
    attacker = sender(pair)
    works = attacker.get(pair.attacker.pods)
    assert works.status_code == 200, f"the control failed: {say(works)}"
    if attack.same:
        control = attack.send(pair, pair.api)
        assert control.status_code in attack.allowed, f"the control failed: {say(control)}"
    answer = attack.send(pair, attacker)
    assert _refused(answer), f"{pair.attacker.user} can: {say(answer)}"


@pytest.mark.check(id="attacks.api.impersonate", area="attacks")
def test_nobody_else_is_believed(pair: Pair) -> None:
    """A program that says it was the victim, or the group that may do everything."""
    for header in (
        ("Impersonate-User", pair.victim.user),
        ("Impersonate-Group", "system:masters"),
        ("Impersonate-Uid", "0"),
    ):
        headers = {"Impersonate-User": pair.victim.user, header[0]: header[1]}
        control = pair.api.send("GET", pair.victim.pods, None, {}, headers)
        assert control.status_code in (200, 403), f"the control failed: {say(control)}"
        answer = pair.attacker.program.send("GET", pair.victim.pods, None, {}, headers)
        assert answer.status_code == 403, f"{header} is believed: {say(answer)}"
    # The control of all three: somebody who may, is let in in the victim's name.
    assert pair.victim.person.get(pair.victim.pods).status_code == 200


@pytest.mark.check(id="attacks.api.approve-own", area="attacks")
def test_nobody_approves_what_they_asked_for(pair: Pair) -> None:
    """In the own name, and in that of an approver."""
    service = pair.lab.config.sandbox_service
    assert service is not None
    asked = {
        "apiVersion": API_VERSION,
        "kind": "Sandbox",
        "metadata": {"name": f"{pair.attacker.name}-more"},
        "spec": {
            "purpose": "to be approved by itself",
            "requester": pair.attacker.user,
            "ttl": "1h",
        },
    }
    control = pair.attacker.person.create(asked, dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    for by in (pair.attacker.user, *service.approvers.users):
        spec = {**asked["spec"], "approvals": [{"by": by}]}  # type: ignore[dict-item]
        answer = pair.attacker.person.create({**asked, "spec": spec}, dry_run=True)
        assert _refused(answer), f"an approval by {by} is taken: {say(answer)}"


def service_of_ones_own(pair: Pair, **spec: Any) -> dict[str, Any]:
    made = probes.service("attack", pair.attacker.namespace, "any")
    made["spec"] |= spec
    return made


SERVICES: dict[str, dict[str, Any]] = {
    "node-port": {"type": "NodePort"},
    "load-balancer": {"type": "LoadBalancer"},
    "external-name": {"type": "ExternalName", "externalName": "vault.example.org"},
    "external-address": {"externalIPs": ["203.0.113.7"]},
}


@pytest.mark.check(id="attacks.services", area="attacks")
@pytest.mark.parametrize("kind", SERVICES)
def test_services_stay_inside(kind: str, pair: Pair) -> None:
    control = pair.attacker.person.create(service_of_ones_own(pair), dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    answer = pair.attacker.person.create(service_of_ones_own(pair, **SERVICES[kind]), dry_run=True)
    assert _refused(answer), f"a service of {kind} is made: {say(answer)}"


@pytest.mark.check(id="attacks.labels", area="attacks")
@pytest.mark.parametrize("label", ["lab", "sandbox", "classification"])
def test_nothing_in_a_sandbox_carries_the_labs_labels(label: str, pair: Pair) -> None:
    """What selects by a label would take it for something else."""
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata("attack", pair.attacker.namespace),
    }
    control = pair.attacker.person.create(made, dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    labels = {f"{LABEL_PREFIX}/{label}": pair.victim.name}
    spoofed = {
        **made,
        "metadata": {**_metadata("attack", pair.attacker.namespace), "labels": labels},
    }
    answer = pair.attacker.person.post(collection(made), spoofed, **_DRY)
    assert _refused(answer), f"it carries {labels}: {say(answer)}"
