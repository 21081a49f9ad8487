"""Every object of every configured sandbox against its blueprint, and nothing beside them."""

from __future__ import annotations

import pytest

from infra.naming import sandbox_namespace
from tests.live.support import drift, expected
from tests.live.support.api import Api, location, say
from tests.live.support.lab import Lab, current

_CASES = [
    pytest.param(name, expected.title(manifest), id=expected.title(manifest))
    for name, drawing in expected.sandboxes(current(), "0.0").items()
    for manifest in drawing.objects
]
_SANDBOXES = [sandbox.name for sandbox in current().config.sandboxes]

RESTORE = "`./lab up --refresh` restores it."


@pytest.mark.check(id="sandbox.object", area="sandbox")
@pytest.mark.parametrize(("sandbox", "title"), _CASES)
def test_object(sandbox: str, title: str, api: Api, lab: Lab) -> None:
    drawing = expected.sandboxes(lab, expected.kubernetes_version(api))[sandbox]
    asked = next(found for found in drawing.objects if expected.title(found) == title)
    answer = api.get(location(asked))
    assert answer.status_code == 200, (
        f"{title} of sandbox {sandbox} is gone ({say(answer)}). {RESTORE}"
    )
    found = drift.differences(asked, answer.json())
    assert not found, f"{title} of sandbox {sandbox} was changed: {'; '.join(found)}. {RESTORE}"


#: Kinds that decide what a sandbox may do; anything beside the blueprint widens it.
WIDENING = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "CiliumNetworkPolicy": "/apis/cilium.io/v2/namespaces/{}/ciliumnetworkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
}


@pytest.mark.check(id="sandbox.nothing-beside", area="sandbox")
@pytest.mark.parametrize("kind", WIDENING)
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_nothing_beside_the_blueprint(sandbox: str, kind: str, api: Api, lab: Lab) -> None:
    drawing = expected.sandboxes(lab, expected.kubernetes_version(api))[sandbox]
    known = {entry["metadata"]["name"] for entry in drawing.objects if entry["kind"] == kind}
    there = api.items(WIDENING[kind].format(sandbox_namespace(sandbox)))
    beside = sorted({entry["metadata"]["name"] for entry in there} - known)
    assert not beside, (
        f"sandbox {sandbox} has a {kind} that nobody asked for: {', '.join(beside)}. Look at who "
        "made it (the API audit log), then delete it."
    )


@pytest.mark.check(id="sandbox.cluster-bindings", area="sandbox")
def test_no_sandbox_identity_has_rights_in_the_cluster(api: Api, lab: Lab) -> None:
    namespaces = {sandbox_namespace(name) for name in _SANDBOXES}
    principals = {sandbox.principal for sandbox in lab.config.sandboxes}
    found = [
        f"{binding['metadata']['name']} ({subject['kind']} {subject['name']})"
        for binding in api.items("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings")
        for subject in binding.get("subjects") or ()
        if subject.get("namespace") in namespaces
        or subject["name"] in principals
        or subject["name"] in {f"system:serviceaccounts:{name}" for name in namespaces}
    ]
    assert not found, f"sandboxes have rights in the whole cluster: {', '.join(found)}."
