"""What people and programs try with a sandbox of Alice's that is not theirs to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from infra import naming
from infra.sandbox.resource import PATH
from tests.harness.guarded_lab import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OLGA,
    ROBOT,
    GuardedLab,
    path_of,
    request,
)
from tests.live.support.api import Api, say

OPERATOR = naming.OPERATOR
RENEWAL = {"name": "first", "extend": "1h", "reason": "It takes longer"}
REASON = "It reaches for what it must not"
MARK = "ai-lab.eu/example"

APPROVED = "sandbox-approved-by-others"
RENEWED = "sandbox-renewals-by-the-requester"
REQUESTED = "sandbox-requester-is-the-user"
SUSPENDED = "sandbox-suspended-by-officers"
STATUS = "sandbox-status-by-the-operator"
DESTROYED = "sandbox-destroyed-by-its-people"


@dataclass(frozen=True, slots=True)
class Box:
    """One sandbox of Alice's."""

    lab: GuardedLab
    name: str

    @property
    def path(self) -> str:
        return path_of(self.name)

    def read(self) -> dict[str, Any]:
        return self.lab.api.read(self.path)

    def patch(self, who: str, spec: dict[str, Any], **query: str) -> httpx.Response:
        return self.lab[who].patch(self.path, {"spec": spec}, **query)

    def must(self, answer: httpx.Response) -> None:
        assert answer.is_success, say(answer)


Deed = Callable[..., httpx.Response]


@dataclass(frozen=True, slots=True)
class Attack:
    """What somebody tries, after others did something.

    `policies` are all that stand in the way: without them it succeeds. None of them: RBAC or the
    definition refuses.
    """

    deed: Deed
    policies: tuple[str, ...] = ()
    #: Who did what before.
    before: tuple[tuple[str, dict[str, Any]], ...] = ()
    #: The operator has adopted it, and made it.
    made: bool = False


def approves(*names: str) -> dict[str, Any]:
    return {"approvals": [{"by": name} for name in names]}


def renews(*names: str) -> dict[str, Any]:
    return {"renewals": [{**RENEWAL, **approves(*names)}]}


def says(what: str, by: str) -> dict[str, Any]:
    return {what: {"by": by, "reason": REASON}}


def patching(who: str, spec: dict[str, Any]) -> Deed:
    return lambda box, **query: box.patch(who, spec, **query)


def with_metadata(who: str, **metadata: Any) -> Deed:
    return lambda box, **query: box.lab[who].patch(box.path, {"metadata": metadata}, **query)


def by_json_patch(box: Box, **query: str) -> httpx.Response:
    step = {"op": "add", "path": "/spec/approvals/-", "value": {"by": ALICE}}
    return box.lab[ALICE].json_patch(box.path, step, **query)


def by_apply(box: Box, **query: str) -> httpx.Response:
    body = request(ALICE, box.name, **approves(ALICE))
    return box.lab[ALICE].apply_as(box.path, body, **query)


def by_replacing(box: Box, **query: str) -> httpx.Response:
    there = box.read()
    whole = {**there, "spec": {**there["spec"], **approves(BOB)}}
    return box.lab[ALICE].put(box.path, whole, **query)


def by_status(box: Box, **query: str) -> httpx.Response:
    body = {"spec": approves(ALICE), "status": {"phase": "Ready"}}
    return box.lab[ALICE].patch(f"{box.path}/status", body, **query)


def asking(who: str, requester: str, **spec: Any) -> Deed:
    def deed(box: Box, **query: str) -> httpx.Response:
        return box.lab[who].post(PATH, request(requester, f"{box.name}-more", **spec), **query)

    return deed


def impersonating(box: Box, **query: str) -> httpx.Response:
    bob = Api(box.lab[ALICE].client, [("Impersonate-User", BOB)])
    return bob.patch(box.path, {"spec": approves(BOB)}, **query)


def deleting(who: str) -> Deed:
    return lambda box, **query: box.lab[who].remove(box.path, **query)


def deleting_all(box: Box, **query: str) -> httpx.Response:
    return box.lab[MALLORY].remove(PATH, **query)


def as_administrator(box: Box, **query: str) -> httpx.Response:
    return box.lab.api.patch(box.path, {"spec": approves(BOB)}, **query)


OWNERS = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "mine",
        "uid": "00000000-0000-0000-0000-000000000000",
    }
]
ATTACKS: dict[str, Attack] = {
    # Approvals.
    "her-own": Attack(patching(ALICE, approves(ALICE)), (APPROVED,)),
    "her-own-by-json-patch": Attack(by_json_patch, (APPROVED,)),
    "her-own-by-apply": Attack(by_apply, (APPROVED,)),
    "her-own-by-replacing": Attack(by_replacing, (APPROVED,)),
    "her-own-by-status": Attack(by_status, (STATUS,)),
    "her-own-in-a-new-request": Attack(asking(ALICE, ALICE, **approves(ALICE)), (REQUESTED,)),
    "of-others-in-a-new-request": Attack(
        asking(ALICE, ALICE, **approves(BOB, CAROL)), (REQUESTED,)
    ),
    "by-asking-in-the-name-of-another": Attack(asking(ALICE, MALLORY), (REQUESTED,)),
    "by-becoming-another": Attack(impersonating),
    "by-making-another-the-requester": Attack(
        patching(ALICE, {"requester": MALLORY, **approves(ALICE)})
    ),
    "by-a-service-account": Attack(patching(ROBOT, approves(ROBOT)), (APPROVED,)),
    "without-the-right": Attack(patching(MALLORY, approves(MALLORY)), (APPROVED,)),
    "in-the-name-of-another-approver": Attack(patching(BOB, approves(CAROL)), (APPROVED,)),
    "ones-own-and-one-in-another-name": Attack(patching(BOB, approves(BOB, CAROL)), (APPROVED,)),
    "by-the-operator": Attack(patching(OPERATOR, approves(OPERATOR)), (APPROVED, STATUS)),
    "by-the-operator-in-another-name": Attack(
        patching(OPERATOR, approves(BOB)), (APPROVED, STATUS)
    ),
    "by-the-administrator-in-another-name": Attack(as_administrator, (APPROVED,)),
    "of-what-was-rejected": Attack(
        patching(BOB, approves(BOB)), (APPROVED,), ((CAROL, says("rejection", CAROL)),)
    ),
    "taken-back": Attack(patching(BOB, approves()), (), ((BOB, approves(BOB)),)),
    # Rejections.
    "rejected-without-the-right": Attack(
        patching(MALLORY, says("rejection", MALLORY)), (APPROVED,)
    ),
    "rejected-in-another-name": Attack(patching(BOB, says("rejection", CAROL)), (APPROVED,)),
    "a-rejection-taken-back": Attack(
        patching(CAROL, {"rejection": None}), (), ((CAROL, says("rejection", CAROL)),)
    ),
    # Renewals.
    "renewed-with-an-approval": Attack(patching(ALICE, renews(BOB)), (APPROVED, RENEWED)),
    "renewed-and-approved-by-herself": Attack(
        patching(ALICE, renews(ALICE)), (APPROVED,), ((ALICE, renews()),)
    ),
    "renewed-and-approved-in-another-name": Attack(
        patching(BOB, renews(CAROL)), (APPROVED,), ((ALICE, renews()),)
    ),
    "renewed-and-approved-by-the-operator": Attack(
        patching(OPERATOR, renews(OPERATOR)), (APPROVED, STATUS), ((ALICE, renews()),)
    ),
    "renewed-by-another": Attack(patching(MALLORY, renews()), (RENEWED,)),
    "renewed-by-an-approver": Attack(patching(BOB, renews()), (RENEWED,)),
    "renewed-by-the-operator": Attack(patching(OPERATOR, renews()), (RENEWED, STATUS)),
    # Suspensions.
    "let-go-on-by-the-requester": Attack(
        patching(ALICE, {"suspension": None}), (SUSPENDED,), ((OLGA, says("suspension", OLGA)),)
    ),
    "suspended-otherwise-by-the-requester": Attack(
        patching(ALICE, says("suspension", ALICE)),
        (SUSPENDED,),
        ((OLGA, says("suspension", OLGA)),),
    ),
    "suspended-without-the-right": Attack(
        patching(MALLORY, says("suspension", MALLORY)), (SUSPENDED,)
    ),
    "suspended-in-another-name": Attack(patching(OLGA, says("suspension", BOB)), (SUSPENDED,)),
    # What the operator writes, and all that it may.
    "made-ready-by-the-requester": Attack(by_status, (STATUS,), made=True),
    "without-its-finalizer": Attack(with_metadata(ALICE, finalizers=None), (STATUS,), made=True),
    "with-a-finalizer-for-ever": Attack(
        with_metadata(MALLORY, finalizers=["example.org/keep"]), (STATUS,)
    ),
    "with-an-owner-that-takes-it-along": Attack(
        with_metadata(MALLORY, ownerReferences=OWNERS), (STATUS,)
    ),
    "with-a-label-of-the-lab": Attack(with_metadata(MALLORY, labels={MARK: "x"}), (STATUS,)),
    "asked-for-by-the-operator": Attack(asking(OPERATOR, OPERATOR)),
    # Destruction.
    "destroyed-by-another": Attack(deleting(MALLORY), (DESTROYED,)),
    "destroyed-by-an-approver": Attack(deleting(BOB), (DESTROYED,)),
    "destroyed-by-the-operator": Attack(deleting(OPERATOR), (DESTROYED,)),
    "destroyed-with-all-others": Attack(deleting_all, (DESTROYED,)),
}
