"""Files that are to enter or leave a sandbox, on a real API server: shape, limits, four eyes.

Who attacks has more rights by RBAC than any role of a lab gives, so that it is a policy or the
definition that refuses; what happens without each is seen, too.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import pytest

from infra import naming
from infra.sandbox import roles, transfer
from infra.sandbox.resource import API_VERSION, GROUP
from infra.sandbox.transfer import Transfer, path_of
from infra.sandbox.transfer_definition import TransferLimits, definition
from policies import cluster
from tests.harness.api_server import ApiServer
from tests.harness.definitions import install
from tests.harness.guarded_lab import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OLGA,
    ROBOT,
    WORKSHOP,
    GuardedLab,
    guarded,
)
from tests.live.support import drift
from tests.live.support.api import Api, eventually, location, say
from tests.live.support.rights import given, right, wait_until_allowed

Manifest = dict[str, Any]
OPERATOR = naming.OPERATOR
REQUESTED = "transfer-requester-is-the-user"
APPROVED = "transfer-approved-by-others"
STATUS = "transfer-status-by-the-operator"
SEEDED = "seeded.example.org"
FILES = path_of(WORKSHOP)
ELSEWHERE = path_of(naming.OPERATOR_NAMESPACE)
#: Stands for the uid of the request that is tried, and another one's.
THIS = "00000000-0000-4000-8000-000000000000"
ANOTHER = "00000000-0000-4000-8000-000000000001"
NO = {"by": CAROL, "reason": "Not with this data"}
_NUMBERS = itertools.count()
_BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


def file(name: str = "report.pdf", **changes: Any) -> Manifest:
    whole = {"name": name, "sha256": "ab" * 32, "size": 4096, "type": "application/pdf"}
    return {key: value for key, value in (whole | changes).items() if value is not None}


def asked(name: str, requester: str | None = ALICE, **spec: Any) -> Manifest:
    """A request that is taken, but for what is given; None leaves a field out."""
    whole = {
        "sandbox": "workshop",
        "requester": requester,
        "direction": "export",
        "content": "report",
        "files": [file()],
        "note": "Rates of error by age group; no case can be told from it",
    } | spec
    return {
        "apiVersion": API_VERSION,
        "kind": transfer.KIND,
        "metadata": {"name": name, "namespace": WORKSHOP},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


@pytest.fixture(scope="module")
def lab(server_alone: ApiServer) -> Iterator[GuardedLab]:
    with guarded(server_alone) as found, ExitStack() as stack:
        everything = ["create", "delete", "get", "list", "patch", "update", "watch"]
        whole = [
            right(GROUP, [transfer.PLURAL], everything),
            right(GROUP, [f"{transfer.PLURAL}/status"], ["patch"]),
        ]
        given(found.api, (MALLORY, ALICE, BOB), whole, stack)
        approves = right(GROUP, [f"{transfer.PLURAL}/approval"], ["update"])
        given(found.api, (ROBOT,), [*whole, approves], stack)
        for name in (ALICE, BOB, MALLORY, ROBOT):
            wait_until_allowed(
                found[name], group=GROUP, resource="transfers", subresource="status", verb="patch"
            )
        yield found


class Asked:
    """One request of Alice's."""

    def __init__(self, lab: GuardedLab) -> None:
        self.lab = lab
        self.name = f"files-{next(_NUMBERS)}"
        self.path = path_of(WORKSHOP, self.name)
        must(lab[ALICE].post(FILES, asked(self.name)))

    def read(self) -> Manifest:
        return self.lab.api.read(self.path)

    def of(self, spec: Manifest) -> Manifest:
        """With the uid of this request in it."""
        uid = self.read()["metadata"]["uid"]
        found: Manifest = json.loads(json.dumps(spec).replace(THIS, uid))
        return found

    def patch(self, who: str, spec: Manifest, **query: str) -> httpx.Response:
        return self.lab[who].patch(self.path, {"spec": self.of(spec)}, **query)


def must(answer: httpx.Response) -> None:
    assert answer.is_success, say(answer)


def names(answer: httpx.Response, policy: str) -> bool:
    return answer.status_code == 403 and f"'{cluster.name_of(policy)}'" in answer.text


@pytest.fixture
def files(lab: GuardedLab) -> Iterator[Asked]:
    found = Asked(lab)
    yield found
    assert lab.api.delete(found.path).status_code in (200, 404)


# What one object can say about itself.

REFUSED: dict[str, tuple[Manifest, str]] = {
    "weights-that-leave": ({"content": "weights"}, "spec"),
    "an-export-without-a-note": ({"note": None}, "spec"),
    "a-note-of-two-words": ({"note": "Some results"}, "spec.note"),
    "a-note-that-speaks-to-terminals": ({"note": "Rates of \x1b[2J error by age"}, "spec.note"),
    "no-files": ({"files": []}, "spec.files"),
    "too-many-files": ({"files": [file(f"f{n}") for n in range(17)]}, "spec.files"),
    "one-name-twice": ({"files": [file(), file()]}, "spec.files[1]"),
    "a-file-without-its-hash": ({"files": [file(sha256=None)]}, "sha256"),
    "a-hash-in-capitals": ({"files": [file(sha256="AB" * 32)]}, "sha256"),
    "a-way-out-of-the-folder": ({"files": [file("../secret")]}, "name"),
    "a-file-that-is-an-option": ({"files": [file("-rf")]}, "name"),
    "a-file-that-is-hidden": ({"files": [file(".bashrc")]}, "name"),
    "less-than-nothing": ({"files": [file(size=-1)]}, "size"),
    "a-byte-too-large": ({"files": [file(size=2**30 + 1)]}, "size"),
    "together-too-large": ({"files": [file(f"f{n}", size=2**30) for n in range(5)]}, "spec.files"),
    "no-type": ({"files": [file(type=None)]}, "type"),
    "a-type-that-is-none": ({"files": [file(type="pdf")]}, "type"),
    "another-direction": ({"direction": "both"}, "spec.direction"),
    "another-content": ({"content": "secrets"}, "spec.content"),
    "no-sandbox": ({"sandbox": None}, "spec.sandbox"),
}
CHANGES: dict[str, Manifest] = {
    "sandbox": {"sandbox": "other"},
    "requester": {"requester": MALLORY},
    "direction": {"direction": "import"},
    "content": {"content": "data"},
    "other-bytes": {"files": [file(sha256="cd" * 32)]},
    "another-file": {"files": [file(), file("second.pdf")]},
    "note": {"note": "Something else is disclosed by it"},
    "note-taken-away": {"note": None},
}


@pytest.fixture(scope="module")
def lenient(lab: GuardedLab) -> str:
    """The same kind of another group, without rules and limits."""
    seeded = without_rules(definition())
    seeded["metadata"]["name"] = f"transfers.{SEEDED}"
    seeded["spec"]["group"] = SEEDED
    del seeded["spec"]["names"]["shortNames"]
    install(lab.api, seeded)
    return FILES.replace(GROUP, SEEDED)


def without_rules(schema: Any) -> Any:
    loose = {"x-kubernetes-validations", "enum", "pattern", "minimum", "maximum", "minLength"}
    loose |= {"minItems", "maxItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if k not in loose and k != "required"}
        return {key: without_rules(value) for key, value in kept.items()}
    return [without_rules(one) for one in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_for(case: str, lab: GuardedLab, lenient: str) -> None:
    changes, field = REFUSED[case]
    manifest = asked("refused", **changes)
    answer = lab[ALICE].post(FILES, manifest, dryRun="All")
    assert answer.status_code == 422, say(answer)
    causes = [cause["field"] for cause in answer.json()["details"]["causes"]]
    assert any(field in found for found in causes), causes
    seeded = {**manifest, "apiVersion": f"{SEEDED}/v1alpha1"}
    must(lab.api.post(lenient, seeded, dryRun="All"))


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_asked_for_never_changes(what: str, files: Asked) -> None:
    before = files.read()
    answer = files.lab.api.patch(files.path, {"spec": CHANGES[what]})
    assert answer.status_code == 422, say(answer)
    assert files.read() == before


def test_a_note_is_not_added_later(lab: GuardedLab) -> None:
    name = f"files-{next(_NUMBERS)}"
    must(lab[ALICE].post(FILES, asked(name, direction="import", note=None)))
    answer = lab.api.patch(path_of(WORKSHOP, name), {"spec": {"note": "Something is disclosed"}})
    assert answer.status_code == 422, say(answer)


def test_weights_enter(lab: GuardedLab) -> None:
    spec: Manifest = {"direction": "import", "content": "weights", "note": None}
    must(lab[ALICE].post(FILES, asked("weights", **spec), dryRun="All"))


def test_the_limits_of_a_lab(lab: GuardedLab) -> None:
    """Of another group, so that the lab's own stay."""
    seeded = definition(TransferLimits(1, 10, 10, ("text/csv",)))
    group = "limits.example.org"
    seeded["metadata"]["name"] = f"transfers.{group}"
    seeded["spec"]["group"] = group
    del seeded["spec"]["names"]["shortNames"]
    install(lab.api, seeded)

    def answer(*found: Manifest) -> int:
        manifest = {**asked("limited", files=list(found)), "apiVersion": f"{group}/v1alpha1"}
        return lab.api.post(FILES.replace(GROUP, group), manifest, dryRun="All").status_code

    small = file("one.csv", size=10, type="text/csv")
    assert answer(small) == 201
    assert answer({**small, "size": 11}) == 422
    assert answer({**small, "type": "text/plain"}) == 422
    assert answer(small, file("two.csv", size=0, type="text/csv")) == 422


def test_the_server_adds_nothing_to_the_definition(lab: GuardedLab) -> None:
    assert drift.differences(definition(), lab.api.read(location(definition()))) == []


def test_what_is_read_is_what_is_there(files: Asked) -> None:
    """No field is pruned, none is read as never set."""
    read = Transfer.of(files.read())
    assert json.loads(read.spec.model_dump_json(by_alias=True, exclude_none=True)) == {
        **asked(files.name)["spec"],
        "approvals": [],
    }
    assert read.path == files.path


# Who says what.


def approves(*people: str, uid: str = THIS) -> Manifest:
    return {"approvals": [{"by": name, "uid": uid} for name in people]}


Deed = Callable[..., httpx.Response]


def patching(who: str, spec: Manifest) -> Deed:
    return lambda files, **query: files.patch(who, spec, **query)


def asking(who: str, requester: str, **spec: Any) -> Deed:
    def deed(files: Asked, **query: str) -> httpx.Response:
        manifest = asked(f"{files.name}-more", requester, **spec)
        return files.lab[who].post(FILES, manifest, **query)

    return deed


def by_status(who: str) -> Deed:
    def deed(files: Asked, **query: str) -> httpx.Response:
        body = {"status": {"phase": "Approved"}}
        return files.lab[who].patch(f"{files.path}/status", body, **query)

    return deed


def kept(files: Asked, **query: str) -> httpx.Response:
    body = {"metadata": {"finalizers": ["example.org/keep"]}}
    return files.lab[MALLORY].patch(files.path, body, **query)


def by_replacing(files: Asked, **query: str) -> httpx.Response:
    there = files.read()
    whole = {**there, "spec": {**there["spec"], **files.of(approves(BOB))}}
    return files.lab[ALICE].put(files.path, whole, **query)


#: What is tried, what refuses (nothing: RBAC or the definition), and what others said before.
ATTACKS: dict[str, tuple[Deed, tuple[str, ...], tuple[tuple[str, Manifest], ...]]] = {
    "her-own": (patching(ALICE, approves(ALICE)), (APPROVED,), ()),
    "her-own-by-replacing": (by_replacing, (APPROVED,), ()),
    "her-own-in-a-new-request": (asking(ALICE, ALICE, **approves(ALICE)), (REQUESTED,), ()),
    "of-others-in-a-new-request": (asking(ALICE, ALICE, **approves(BOB)), (REQUESTED,), ()),
    "asked-for-in-another-name": (asking(ALICE, MALLORY), (REQUESTED,), ()),
    "asked-for-by-a-program": (asking(ROBOT, ALICE), (REQUESTED,), ()),
    "asked-for-by-the-operator": (asking(OPERATOR, OPERATOR), (), ()),
    "approved-without-the-right": (patching(MALLORY, approves(MALLORY)), (APPROVED,), ()),
    "approved-by-a-program": (patching(ROBOT, approves(ROBOT)), (APPROVED,), ()),
    "approved-as-it-was-before": (
        patching(BOB, approves(BOB, uid=ANOTHER)),
        (APPROVED,),
        (),
    ),
    "an-approval-moved-to-another-request": (
        patching(BOB, approves(BOB, uid=ANOTHER)),
        (),
        ((BOB, approves(BOB)),),
    ),
    "approved-in-another-name": (patching(BOB, approves(CAROL)), (APPROVED,), ()),
    "approved-by-the-operator": (patching(OPERATOR, approves(OPERATOR)), (), ()),
    "approved-after-a-rejection": (
        patching(BOB, approves(BOB)),
        (APPROVED,),
        ((CAROL, {"rejection": NO}),),
    ),
    "an-approval-taken-back": (patching(BOB, approves()), (), ((BOB, approves(BOB)),)),
    "rejected-without-the-right": (
        patching(MALLORY, {"rejection": NO | {"by": MALLORY}}),
        (APPROVED,),
        (),
    ),
    "rejected-in-another-name": (patching(BOB, {"rejection": NO}), (APPROVED,), ()),
    "a-rejection-taken-back": (
        patching(CAROL, {"rejection": None}),
        (),
        ((CAROL, {"rejection": NO}),),
    ),
    "decided-by-the-requester": (by_status(ALICE), (STATUS,), ()),
    "decided-by-an-approver": (by_status(BOB), (STATUS,), ()),
    "decided-by-a-program": (by_status(ROBOT), (STATUS,), ()),
    "kept-for-ever": (kept, (STATUS,), ()),
}


@pytest.mark.parametrize("case", ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(case: str, files: Asked) -> None:
    deed, policies, before = ATTACKS[case]
    for who, spec in before:
        must(files.patch(who, spec))
    there = files.read()
    answer = deed(files)
    assert answer.status_code in (403, 422), say(answer)
    if policies:
        assert any(names(answer, one) for one in policies), say(answer)
    assert files.read() == there
    assert files.lab.api.get(f"{files.path}-more").status_code == 404


@pytest.fixture
def without(lab: GuardedLab, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same lab without the binding of a policy."""
    policy: str = request.param
    path = f"{_BINDINGS}/{cluster.name_of(policy)}"
    manifest = lab.api.read(path)
    assert lab.api.delete(path).is_success
    yield policy
    metadata = {key: manifest["metadata"][key] for key in ("name", "labels")}
    assert lab.api.create({**manifest, "metadata": metadata}).status_code == 201


@pytest.mark.parametrize("without", [REQUESTED, APPROVED, STATUS], indirect=True)
def test_without_its_policy_an_attack_succeeds(without: str, lab: GuardedLab) -> None:
    """Seeded: each policy is what refuses, and nothing beside it."""
    for case, (deed, policies, before) in ATTACKS.items():
        if policies != (without,):
            continue
        files = Asked(lab)
        for who, spec in before:
            must(files.patch(who, spec))
        answer = eventually(
            partial(deed, files, dryRun="All"), until=lambda got: got.is_success, within=30
        )
        assert answer.is_success, f"{case}: {say(answer)}"


def test_who_has_only_the_roles_of_a_lab(lab: GuardedLab) -> None:
    """The positive control: Alice's sandbox asks, Bob and Carol approve, the operator decides."""
    with ExitStack() as stack:
        person = "dora@example.org"
        binding = {
            **roles.binding(naming.PRINCIPAL_ROLE, [{"kind": "User", "name": person}]),
            "kind": "RoleBinding",
        }
        binding["metadata"] = {"name": "dora", "namespace": WORKSHOP}
        binding["subjects"] = [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": person}
        ]
        must(lab.api.create(binding))
        dora = Api(stack.enter_context(lab.server.user(person)))
        manifest = asked("of-dora", None)
        made = eventually(
            lambda: dora.post(FILES, manifest), until=lambda got: got.is_success, within=30
        )
        # Who asks need not say it.
        assert made.json()["spec"]["requester"] == person, say(made)
        path = path_of(WORKSHOP, "of-dora")
        uid = made.json()["metadata"]["uid"]
        assert dora.patch(path, {"spec": approves(person, uid=uid)}).status_code == 403
        assert dora.post(ELSEWHERE, manifest).status_code in (400, 403)
        # Others of the lab see it, but for those who only ask for sandboxes.
        assert lab[OLGA].get(path).is_success
        must(lab[CAROL].patch(path, {"spec": approves(CAROL, uid=uid)}))
        assert lab[OLGA].patch(path, {"spec": approves(CAROL, OLGA, uid=uid)}).status_code == 403
        status = {"status": {"phase": "Approved"}}
        must(lab[OPERATOR].patch(f"{path}/status", status))
        assert lab.api.read(path)["status"]["phase"] == "Approved"
        must(dora.delete(path))


def test_every_policy_is_attacked() -> None:
    attacked = {policy for _, policies, _ in ATTACKS.values() for policy in policies}
    assert attacked == {REQUESTED, APPROVED, STATUS}
