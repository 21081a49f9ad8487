"""Four eyes, attacked: who asks for a sandbox finds no way to approve it, nor does its operator.

Everybody has a certificate or a token of their own. Those who attack have more rights by RBAC than
any role of a lab gives, so that it is the policies that refuse; what happens without each of them
is seen, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from infra import naming
from infra.sandbox.resource import FINALIZER, PATH
from policies import cluster
from tests.harness.api_server import ApiServer
from tests.harness.guarded_lab import ALICE, BOB, CAROL, MALLORY, OLGA, GuardedLab, guarded, request
from tests.integration.sandbox.attacks import (
    APPROVED,
    ATTACKS,
    DESTROYED,
    MARK,
    OPERATOR,
    RENEWED,
    REQUESTED,
    STATUS,
    SUSPENDED,
    Attack,
    Box,
    approves,
    renews,
    says,
)
from tests.live.support.api import Api, eventually, say

_NUMBERS = itertools.count()
_BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


@pytest.fixture(scope="module")
def lab(server_alone: ApiServer) -> Iterator[GuardedLab]:
    with guarded(server_alone) as found:
        yield found


@pytest.fixture
def box(lab: GuardedLab) -> Iterator[Box]:
    """Asked for by Alice."""
    found = Box(lab, f"box-{next(_NUMBERS)}")
    found.must(lab[ALICE].post(PATH, request(ALICE, found.name)))
    yield found
    lab.api.patch(found.path, {"metadata": {"finalizers": None}})
    assert lab.api.delete(found.path).status_code in (200, 404)


def prepared(box: Box, attack: Attack) -> None:
    for who, spec in attack.before:
        box.must(box.patch(who, spec))
    if attack.made:
        operator = box.lab[OPERATOR]
        box.must(operator.patch(box.path, {"metadata": {"finalizers": [FINALIZER]}}))
        box.must(operator.patch(f"{box.path}/status", {"status": {"phase": "Provisioning"}}))


def names(answer: httpx.Response, policy: str) -> bool:
    return answer.status_code == 403 and f"'{cluster.name_of(policy)}'" in answer.text


@pytest.mark.parametrize("case", ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(case: str, box: Box) -> None:
    attack = ATTACKS[case]
    prepared(box, attack)
    before = box.read()
    answer = attack.deed(box)
    assert answer.status_code in (403, 422), say(answer)
    if attack.policies:
        assert any(names(answer, one) for one in attack.policies), say(answer)
    assert box.read() == before
    assert box.lab.api.get(f"{box.path}-more").status_code == 404


@pytest.fixture
def without(lab: GuardedLab, request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """The same lab without the bindings of some policies."""
    gone: tuple[str, ...] = request.param
    paths = {f"{_BINDINGS}/{cluster.name_of(one)}" for one in gone}
    kept = [lab.api.read(path) for path in paths]
    for path in paths:
        assert lab.api.delete(path).is_success
    yield gone
    for manifest in kept:
        metadata = {key: manifest["metadata"][key] for key in ("name", "labels")}
        assert lab.api.create({**manifest, "metadata": metadata}).status_code == 201


def seeded() -> list[Any]:
    """Every attack, without what stands in its way."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for case, attack in ATTACKS.items():
        if attack.policies:
            groups.setdefault(attack.policies, []).append(case)
    return [
        pytest.param(policies, cases, id="+".join(policies)) for policies, cases in groups.items()
    ]


@pytest.mark.parametrize(("without", "cases"), seeded(), indirect=["without"])
def test_without_its_policy_an_attack_succeeds(
    without: tuple[str, ...], cases: list[str], lab: GuardedLab
) -> None:
    """Seeded: each policy is what refuses, and nothing beside it."""
    assert without
    for case in cases:
        attack = ATTACKS[case]
        box = Box(lab, f"box-{next(_NUMBERS)}")
        box.must(lab[ALICE].post(PATH, request(ALICE, box.name)))
        prepared(box, attack)
        answer = eventually(
            partial(attack.deed, box, dryRun="All"),
            until=lambda got: got.is_success,
            within=30,
        )
        assert answer.is_success, f"{case}: {say(answer)}"
        lab.api.patch(box.path, {"metadata": {"finalizers": None}})
        assert lab.api.delete(box.path).is_success


def test_every_policy_is_attacked() -> None:
    attacked = {policy for attack in ATTACKS.values() for policy in attack.policies}
    assert attacked == {APPROVED, RENEWED, REQUESTED, SUSPENDED, STATUS, DESTROYED}


def test_a_whole_life_as_people_and_the_operator_lead_it(lab: GuardedLab, box: Box) -> None:
    """The positive control: everybody may do what is theirs, one after the other."""
    operator = lab[OPERATOR]
    box.must(operator.patch(box.path, {"metadata": {"finalizers": [FINALIZER]}}))
    box.must(box.patch(BOB, approves(BOB)))
    box.must(box.patch(CAROL, approves(BOB, CAROL)))
    box.must(operator.patch(f"{box.path}/status", {"status": {"phase": "Ready"}}))
    box.must(box.patch(ALICE, renews()))
    box.must(box.patch(BOB, renews(BOB)))
    box.must(box.patch(OLGA, says("suspension", OLGA)))
    box.must(box.patch(OLGA, {"suspension": None}))
    box.must(operator.patch(box.path, {"metadata": {"labels": {MARK: "x"}}}))
    found = box.read()
    assert found["spec"]["approvals"] == approves(BOB, CAROL)["approvals"]
    assert found["spec"]["renewals"][0]["approvals"] == [{"by": BOB}]
    assert found["status"]["phase"] == "Ready"

    box.must(lab[ALICE].remove(box.path))
    assert "deletionTimestamp" in box.read()["metadata"]
    answer = lab[ALICE].patch(box.path, {"metadata": {"finalizers": None}})
    assert names(answer, STATUS), say(answer)
    box.must(operator.patch(box.path, {"metadata": {"finalizers": None}}))
    assert lab.api.get(box.path).status_code == 404


def test_an_approver_rejects(box: Box) -> None:
    box.must(box.patch(BOB, says("rejection", BOB)))
    assert box.read()["spec"]["rejection"]["by"] == BOB


def test_an_officer_destroys(lab: GuardedLab, box: Box) -> None:
    box.must(lab[OLGA].remove(box.path))
    assert lab.api.get(box.path).status_code == 404


def test_the_operator_forgets_what_has_ended(lab: GuardedLab, box: Box) -> None:
    operator = lab[OPERATOR]
    box.must(operator.patch(f"{box.path}/status", {"status": {"phase": "Destroyed"}}))
    box.must(operator.remove(box.path))


def test_whoever_asks_need_not_say_who_he_is(lab: GuardedLab) -> None:
    manifest = request(ALICE, f"box-{next(_NUMBERS)}")
    del manifest["spec"]["requester"]
    for who in (ALICE, MALLORY):
        answer = lab[who].post(PATH, manifest, dryRun="All")
        assert answer.json()["spec"]["requester"] == who, say(answer)


def test_who_has_no_role_sees_nothing(lab: GuardedLab) -> None:
    with lab.server.user("nobody@example.org") as client:
        assert Api(client).get(PATH).status_code == 403


def test_the_operator_has_its_rights_and_stays_in_its_sandboxes(lab: GuardedLab) -> None:
    """By its own role: what RBAC gives it everywhere, it has in sandboxes only."""
    operator = lab[OPERATOR]
    prefix = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
    labels = {
        naming.LABEL_SANDBOX: "x-mine",
        "pod-security.kubernetes.io/enforce": "restricted",
    }

    def namespace(name: str) -> httpx.Response:
        metadata = {"name": name, "labels": labels}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        return operator.create(manifest, dry_run=True)

    def binding(space: str, role: str) -> httpx.Response:
        group = "rbac.authorization.k8s.io"
        manifest = {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "principal", "namespace": space},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": ALICE}],
        }
        return operator.create(manifest, dry_run=True)

    mine = f"{prefix}mine"
    assert namespace(mine).is_success, say(namespace(mine))
    assert namespace("sandbox-demo").status_code == 403
    workshop = f"{prefix}workshop"
    assert binding(workshop, naming.PRINCIPAL_ROLE).is_success
    assert binding(workshop, naming.TOKEN_ROLE).is_success
    # RBAC itself: a role that it was not named may not be given.
    refused = binding(workshop, naming.APPROVER_ROLE)
    assert refused.status_code == 403
    assert "attempting to grant RBAC permissions not currently held" in refused.text
    outside = binding("kube-system", naming.PRINCIPAL_ROLE)
    assert names(outside, "operator-stays-in-sandboxes"), say(outside)
    assert operator.get("/api/v1/secrets").status_code == 403
    assert namespace("team-blue").status_code == 403
