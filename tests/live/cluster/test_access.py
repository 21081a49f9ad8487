"""Who gets into the cluster: strangers, nodes, roles."""

from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from infra.naming import LABEL_LAB
from tests.live.support import certificates, node_credentials, rbac
from tests.live.support.api import Api, certificate_authority, say, stranger
from tests.live.support.cases import NODE_ROLES, machines
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.machines import python

#: The roles give the token of a joining machine so long to live, and delete it after the join.
JOINING = timedelta(minutes=15)


@pytest.fixture(scope="module")
def authority(lab: Lab) -> str:
    """The cluster's own CA."""
    return certificate_authority(lab.home.kubeconfig)


@pytest.mark.check(id="cluster.anonymous.api-server", area="cluster")
@pytest.mark.parametrize(
    "path",
    ["/api", "/api/v1/namespaces", "/api/v1/secrets", "/version", "/metrics", "/openapi/v2"],
)
def test_a_stranger_is_refused(path: str, lab: Lab, authority: str) -> None:
    with stranger(lab.api_address, authority) as nobody:
        answer = nobody.get(path)
    assert answer.status_code in (401, 403), (
        f"the API server shows {path} to anybody ({say(answer)[:120]}): anonymous access is on. "
        "See authentication.yaml below /etc/ai-lab/kubernetes on the control plane."
    )


@pytest.mark.check(id="cluster.anonymous.wrong-token", area="cluster")
def test_a_made_up_token_is_refused(lab: Lab, authority: str) -> None:
    with stranger(lab.api_address, authority, token="eyJhbGciOiJub25lIn0.e30.") as nobody:
        answer = nobody.get("/api")
    assert answer.status_code == 401, f"a made-up token is answered with {say(answer)[:120]}"


@pytest.mark.check(id="cluster.anonymous.kubelet", area="cluster")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_the_kubelet_refuses_strangers(machine: str, lab: Lab) -> None:
    address = next(str(m.address) for m in lab.nodes if m.name == machine)
    with stranger((address, 10250)) as nobody:
        answers = {path: nobody.get(path).status_code for path in ("/pods", "/metrics", "/logs/")}
    shown = {path: status for path, status in answers.items() if status not in (401, 403)}
    assert not shown, (
        f"the kubelet of {machine} answers anybody: {shown}. authentication.anonymous.enabled "
        "must be false in /var/lib/kubelet/config.yaml."
    )


@pytest.mark.check(id="cluster.kubelet-certificate", area="cluster")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_the_kubelet_shows_the_machine_certificate(machine: str, lab: Lab) -> None:
    """A certificate that it signed itself could be anybody's."""
    spec = next(m for m in lab.nodes if m.name == machine)
    authority = x509.load_pem_x509_certificate(lab.home.ca_certificate.read_bytes())
    shown = certificates.served((str(spec.address), 10250))
    faults = certificates.faults(shown, authority, names={str(spec.address)})
    assert not faults, (
        f"the kubelet of {machine} shows a certificate that nobody can check: {'; '.join(faults)}. "
        "tlsCertFile in /var/lib/kubelet/config.yaml must be the machine's."
    )


@pytest.mark.check(id="cluster.node-restriction", area="cluster")
def test_a_node_cannot_touch_another(facts: dict[str, Facts], lab: Lab) -> None:
    """With the credentials of the worker's kubelet, on the worker, as a thief of it would."""
    own, other = lab.node_name(lab.worker), lab.node_name(lab.control_plane)
    endpoint = f"https://{lab.api_address[0]}:{lab.api_address[1]}"
    printed = python(facts[lab.worker.name].host, node_credentials.SCRIPT, endpoint, own, other)
    answers: dict[str, str] = json.loads(printed)
    assert answers["own"].startswith("200"), (
        f"the control failed: the worker's kubelet cannot label its own node: {answers['own']}"
    )
    allowed = {k: v for k, v in answers.items() if k != "own" and not v.startswith("403")}
    assert not allowed, (
        f"the worker's kubelet may do what only others may: {allowed}. NodeRestriction must be "
        "in the API server's --enable-admission-plugins, Node in its --authorization-mode."
    )


@pytest.mark.check(id="cluster.rbac.wildcards", area="cluster")
def test_no_role_allows_everything(api: Api) -> None:
    wide = []
    for kind in ("roles", "clusterroles"):
        for role in api.items(f"/apis/rbac.authorization.k8s.io/v1/{kind}"):
            if not rbac.is_built_in(role) and rbac.wildcards(role.get("rules") or ()):
                wide.append(f"{role['metadata'].get('namespace', 'cluster')}/{_name(role)}")
    assert not wide, f"roles with wildcards: {', '.join(wide)}. Name groups, resources and verbs."


@pytest.mark.check(id="cluster.rbac.administrators", area="cluster")
def test_nobody_else_is_administrator(api: Api) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1"
    found = {
        f"{subject['kind']} {subject['name']} by {_name(binding)}"
        for kind in ("clusterrolebindings", "rolebindings")
        for binding in api.items(f"{path}/{kind}")
        if binding["roleRef"]["name"] in ("cluster-admin", "admin", "edit")
        for subject in binding.get("subjects") or ()
    }
    known = {
        "Group system:masters by cluster-admin",
        "Group kubeadm:cluster-admins by kubeadm:cluster-admins",
    }
    assert found <= known, f"administrators besides the lab's own: {sorted(found - known)}."


@pytest.mark.check(id="cluster.rbac.strangers", area="cluster")
def test_no_right_for_everybody(api: Api) -> None:
    """Bindings of the lab name people and groups, never everybody."""
    path = "/apis/rbac.authorization.k8s.io/v1"
    found = [
        _name(binding)
        for kind in ("clusterrolebindings", "rolebindings")
        for binding in api.items(f"{path}/{kind}")
        if LABEL_LAB in (binding["metadata"].get("labels") or {}) or not rbac.is_built_in(binding)
        for subject in binding.get("subjects") or ()
        if subject["name"] in ("system:anonymous", "system:unauthenticated", "system:authenticated")
        # kubeadm lets joining nodes read the cluster's address and CA; anonymous access is off.
        and _name(binding) != "kubeadm:bootstrap-signer-clusterinfo"
    ]
    assert not found, f"bindings that hold for everybody: {', '.join(found)}. Delete them."


@pytest.mark.check(id="cluster.bootstrap-tokens", area="cluster")
def test_nothing_may_join_for_long(api: Api) -> None:
    """Whoever has a bootstrap token can ask for a node's certificate."""
    secrets = api.items("/api/v1/namespaces/kube-system/secrets")
    ends = {
        _name(secret): base64.b64decode(secret["data"].get("expiration", "")).decode()
        for secret in secrets
        if secret["type"] == "bootstrap.kubernetes.io/token"
    }
    latest = datetime.now(UTC) + JOINING
    lasting = {
        name: end or "never"
        for name, end in ends.items()
        if not end or datetime.fromisoformat(end) > latest
    }
    assert not lasting, (
        f"bootstrap tokens that outlive a join: {lasting}. `kubeadm token delete` on the control "
        "plane."
    )


@pytest.mark.check(id="cluster.kubeconfig", area="cluster")
def test_the_kubeconfig_is_private(lab: Lab) -> None:
    mode = stat.S_IMODE(lab.home.kubeconfig.stat().st_mode)
    assert mode == 0o600, f"{lab.home.kubeconfig} has mode {mode:o}: chmod 600."


def _name(found: dict[str, dict[str, str]]) -> str:
    return found["metadata"]["name"]
