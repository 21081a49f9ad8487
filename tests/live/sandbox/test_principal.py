"""What the principal of a sandbox really can do, asked and tried in its name."""

from __future__ import annotations

from typing import Any

import pytest

from infra.naming import sandbox_namespace
from tests.live.support import expected, probes, rbac
from tests.live.support.api import Api, say
from tests.live.support.lab import Lab, current

_SANDBOXES = {sandbox.name: sandbox for sandbox in current().config.sandboxes}

#: Paths that the principal must be refused (method, path with the own namespace for {}).
REFUSED = (
    ("get", "/api/v1/secrets"),
    ("get", "/api/v1/namespaces"),
    ("get", "/api/v1/nodes"),
    ("get", "/api/v1/pods"),
    ("get", "/api/v1/namespaces/kube-system/pods"),
    ("get", "/api/v1/namespaces/default/configmaps"),
    ("get", "/api/v1/namespaces/{}/secrets"),
    ("get", "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"),
    ("get", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ("get", "/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies"),
    ("delete", "/api/v1/namespaces/{}"),
    ("delete", "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/default-deny"),
    ("delete", "/api/v1/namespaces/{}/resourcequotas/sandbox"),
    ("delete", "/api/v1/namespaces/{}/limitranges/sandbox"),
)
#: Rights that every authenticated user has (system:basic-user, system:discovery).
EVERYBODYS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
}


@pytest.fixture(params=list(_SANDBOXES))
def sandbox(request: pytest.FixtureRequest) -> str:
    """Every configured sandbox by name."""
    name: str = request.param
    return name


@pytest.fixture
def principal(sandbox: str, api: Api) -> Api:
    """The one user of the sandbox."""
    return api.acting_as(_SANDBOXES[sandbox].principal, "system:authenticated")


@pytest.mark.check(id="sandbox.principal.rights", area="sandbox")
def test_exactly_the_rights_of_the_blueprint(
    sandbox: str, principal: Api, api: Api, lab: Lab
) -> None:
    """Everything that any binding gives, as the API server itself adds it up."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": sandbox_namespace(sandbox)},
    }
    answer = principal.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    assert answer.status_code == 201, f"the principal cannot ask for its rights: {say(answer)}"
    has = rbac.rule_set(answer.json()["status"]["resourceRules"]) - EVERYBODYS
    drawing = expected.sandboxes(lab, expected.kubernetes_version(api))[sandbox]
    role = next(entry for entry in drawing.grants if entry["kind"] == "Role")
    asked = rbac.rule_set(role["rules"])
    more, less = sorted(has - asked), sorted(asked - has)
    assert not more, (
        f"the principal of {sandbox} may do more than asked for: {more[:5]}. A role or a binding "
        "was widened; `./lab up --refresh` restores the lab's own."
    )
    assert not less, f"the principal of {sandbox} may do less than asked for: {less[:5]}."


@pytest.mark.check(id="sandbox.principal.allowed", area="sandbox")
def test_it_can_work(sandbox: str, principal: Api) -> None:
    """The positive control: pods can be listed and made."""
    namespace = sandbox_namespace(sandbox)
    answer = principal.get(f"/api/v1/namespaces/{namespace}/pods")
    assert answer.status_code == 200, f"the principal cannot list its pods: {say(answer)}"
    answer = principal.create(probes.server("principal-check", namespace), dry_run=True)
    assert answer.status_code == 201, f"the principal cannot make a pod: {say(answer)}"


@pytest.mark.check(id="sandbox.principal.refused", area="sandbox")
@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_it_cannot_leave(method: str, path: str, sandbox: str, principal: Api) -> None:
    target = path.format(sandbox_namespace(sandbox))
    delete = method == "delete"
    answer = principal.delete(target, dry_run=True) if delete else principal.get(target)
    assert answer.status_code == 403, (
        f"the principal of {sandbox} may {method} {target} ({say(answer)[:120]}): its rights were "
        "widened. `./lab up --refresh` restores them."
    )


def _escalations(namespace: str, sandbox: str) -> dict[str, dict[str, Any]]:
    api_group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{api_group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "mine", "namespace": namespace},
        "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": "admin"},
        "subjects": [
            {"apiGroup": api_group, "kind": "User", "name": _SANDBOXES[sandbox].principal}
        ],
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": namespace},
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }
    nodeport = probes.service("open", namespace, "any")
    nodeport["spec"]["type"] = "NodePort"
    takeover = probes.service("takeover", namespace, "any")
    takeover["spec"]["externalIPs"] = [str(current().vault.address)]
    privileged = probes.server("privileged", namespace)
    privileged["spec"]["hostNetwork"] = True
    elsewhere = probes.server("elsewhere", "kube-system")
    return {
        "bind itself a wider role": binding,
        "open the network": policy,
        "open a port on the nodes": nodeport,
        "take over Vault's address (CVE-2020-8554)": takeover,
        "use the node's network": privileged,
        "make a pod in kube-system": elsewhere,
    }


@pytest.mark.check(id="sandbox.principal.escalation", area="sandbox")
def test_it_cannot_widen_its_own_walls(sandbox: str, principal: Api) -> None:
    attempts = _escalations(sandbox_namespace(sandbox), sandbox)
    answers = {what: principal.create(made, dry_run=True) for what, made in attempts.items()}
    done = {what: say(got)[:80] for what, got in answers.items() if got.status_code != 403}
    assert not done, f"the principal of {sandbox} can: {done}."


@pytest.mark.check(id="sandbox.principal.others", area="sandbox")
def test_others_are_not_let_in(sandbox: str, api: Api) -> None:
    somebody = api.acting_as("somebody-else", "system:authenticated")
    answer = somebody.get(f"/api/v1/namespaces/{sandbox_namespace(sandbox)}/pods")
    assert answer.status_code == 403, f"anybody sees the pods of {sandbox}: {say(answer)[:120]}"
