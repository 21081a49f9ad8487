"""What people do with sandboxes, and why it is refused, over an API that says what a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra.errors import (
    KubernetesRefused,
    LabError,
    LifeTooLong,
    NoSandboxRole,
    NotAnApprover,
    NotAnOfficer,
    NotARequester,
    NotTheRequester,
    OwnRequest,
    ProfileUnknown,
    RenewalUnknown,
    RequestImpossible,
    SandboxNameTaken,
    SandboxNotFound,
    SandboxOver,
    SandboxServiceMissing,
    WaitedTooLong,
)
from infra.sandbox.client import Asked, SandboxClient
from infra.sandbox.resource import PATH, Sandbox
from tests.unit.sandbox.answering import Server, failure, sandbox

ASKED = Asked("bias", "Measure the bias of model 7", "8h")
RENEWAL = {"name": "renewal-1", "extend": "1h", "reason": "It takes longer"}
NO = {"by": "bob", "reason": "Not with this data"}
POLICY = "ValidatingAdmissionPolicy 'ai-lab-sandbox-x' with binding 'x' denied request: no."


def test_a_request_says_what_was_said_and_leaves_the_rest_to_the_lab() -> None:
    server = Server()
    assert server.client().request(ASKED).spec.requester == "alice"
    ((method, path, body),) = server.asked
    assert (method, path) == ("POST", PATH)
    assert set(body["spec"]) == {"purpose", "requester", "ttl"}
    rule = {"cidr": "192.0.2.0/24", "port": 443, "reason": "Data of the city"}
    whole = Asked("x", "A purpose", "8h", "public", "large", (rule,), ("a:1",), 30)
    spec = whole.manifest("alice")["spec"]
    assert spec["egress"] == [rule]
    assert spec["evidence"] == {"retentionDays": 30}
    assert (spec["classification"], spec["profile"], spec["images"]) == ("public", "large", ["a:1"])


def test_an_approval_adds_one_voice_and_says_it_once() -> None:
    server = Server(sandbox(), me="bob")
    server.client().approve("bias")
    step = {"op": "add", "path": "/spec/approvals/-", "value": {"by": "bob"}}
    assert server.asked == [("PATCH", f"{PATH}/bias", [step])]
    again = Server(sandbox(approvals=[{"by": "bob"}]), me="bob")
    again.client().approve("bias")
    assert again.asked == []


def test_an_approval_of_a_renewal_is_for_that_one() -> None:
    two = [{**RENEWAL, "approvals": []}, {**RENEWAL, "name": "renewal-2", "approvals": []}]
    server = Server(sandbox(renewals=two), me="bob")
    server.client().approve_renewal("bias", "renewal-2")
    ((_, _, steps),) = server.asked
    assert steps == [
        {"op": "test", "path": "/spec/renewals/1/name", "value": "renewal-2"},
        {"op": "add", "path": "/spec/renewals/1/approvals/-", "value": {"by": "bob"}},
    ]
    # Without a name only where one waits.
    one = Server(sandbox(status={"renewed": ["renewal-1"]}, renewals=two), me="bob")
    one.client().approve_renewal("bias")
    assert one.asked[0][2][0]["value"] == "renewal-2"
    with pytest.raises(RenewalUnknown, match="2 renewals of bias wait"):
        server.client().approve_renewal("bias")
    with pytest.raises(RenewalUnknown) as caught:
        server.client().approve_renewal("bias", "renewal-9")
    assert "renewal-1, renewal-2" in caught.value.next_step


def test_everything_else_changes_one_field() -> None:
    server = Server(sandbox(), me="bob")
    client = server.client()
    client.reject("bias", "Not with this data")
    client.suspend("bias", "It misbehaves")
    client.resume("bias")
    client.renew("bias", "1h", "It takes longer")
    client.destroy("bias")
    assert [body for _, _, body in server.asked] == [
        {"spec": {"rejection": NO}},
        {"spec": {"suspension": {"by": "bob", "reason": "It misbehaves"}}},
        {"spec": {"suspension": None}},
        [{"op": "add", "path": "/spec/renewals/-", "value": RENEWAL}],
        {"preconditions": {"uid": "u1"}},
    ]


def test_a_dry_run_is_said_where_the_api_server_looks() -> None:
    """Seeded once: in the query, beside a body, it is not seen, and the sandbox was gone."""
    server = Server(sandbox())
    server.client().destroy("bias", dry_run=True)
    ((method, _, body),) = server.asked
    assert (method, body["dryRun"]) == ("DELETE", ["All"])


Deed = Callable[[SandboxClient], Any]
#: Who does what, what the API server says, what he is told, and a word of the next step.
REFUSED: dict[str, tuple[str, Deed, Any, type[LabError], str]] = {
    "name-taken": (
        "alice",
        lambda c: c.request(ASKED),
        failure(409, "x"),
        SandboxNameTaken,
        "name",
    ),
    "no-requester": (
        "bob",
        lambda c: c.request(ASKED),
        failure(403, POLICY),
        NotARequester,
        "ask alice to do it",
    ),
    "no-service": (
        "alice",
        lambda c: c.request(ASKED),
        httpx.Response(404, text="404 page not found"),
        SandboxServiceMissing,
        "sandbox_service",
    ),
    "no-profile": (
        "alice",
        lambda c: c.request(Asked("bias", "A purpose", "8h", profile="huge")),
        failure(422, "x", ("spec.profile", 'Unsupported value: "huge"')),
        ProfileUnknown,
        "small, large",
    ),
    "too-long": (
        "alice",
        lambda c: c.request(Asked("bias", "A purpose", "99h")),
        failure(422, "x", ("spec.ttl", "must be a time of 24h or less")),
        LifeTooLong,
        "24h or less",
    ),
    "no-time": (
        "alice",
        lambda c: c.request(Asked("bias", "A purpose", "0h")),
        failure(422, "x", ("spec.ttl", "must be a time")),
        RequestImpossible,
        "1h30m",
    ),
    "no-duration": (
        "alice",
        lambda c: c.request(Asked("bias", "A purpose", "soon")),
        failure(422, "x", ("spec.ttl", "should match")),
        RequestImpossible,
        "1h30m",
    ),
    "wrong-in-two-fields": (
        "alice",
        lambda c: c.request(ASKED),
        failure(422, "x", ("spec.purpose", "too short"), ("spec.ttl", "y"), ("metadata.name", "z")),
        LifeTooLong,
        "24h",
    ),
    "wrong-otherwise": (
        "alice",
        lambda c: c.request(ASKED),
        failure(422, "x", ("spec.purpose", "too short")),
        RequestImpossible,
        "--help",
    ),
    "own-request": (
        "alice",
        lambda c: c.approve("bias"),
        failure(403, POLICY),
        OwnRequest,
        "bob or a member of leads",
    ),
    "no-approver": (
        "mallory",
        lambda c: c.approve("bias"),
        failure(403, POLICY),
        NotAnApprover,
        "ask bob or a member of leads",
    ),
    "no-approver-rejects": (
        "mallory",
        lambda c: c.reject("bias", "Not with this data"),
        failure(403, POLICY),
        NotAnApprover,
        "bob",
    ),
    "not-the-requester-renews": (
        "bob",
        lambda c: c.renew("bias", "1h", "It takes longer"),
        failure(403, POLICY),
        NotTheRequester,
        "ask alice",
    ),
    "renewed-for-too-long": (
        "alice",
        lambda c: c.renew("bias", "99h", "It takes longer"),
        failure(422, "x", ("spec.renewals[0].extend", "must be")),
        LifeTooLong,
        "24h",
    ),
    "renewed-without-a-reason": (
        "alice",
        lambda c: c.renew("bias", "1h", "more"),
        failure(422, "x", ("spec.renewals[0].reason", "too short")),
        RequestImpossible,
        "--help",
    ),
    "no-officer": (
        "alice",
        lambda c: c.suspend("bias", "It misbehaves"),
        failure(403, POLICY),
        NotAnOfficer,
        "olga",
    ),
    "no-officer-lets-go-on": (
        "alice",
        lambda c: c.resume("bias"),
        failure(403, POLICY),
        NotAnOfficer,
        "olga",
    ),
    "not-ones-own": (
        "mallory",
        lambda c: c.destroy("bias"),
        failure(403, POLICY),
        NotTheRequester,
        "ask alice, or olga",
    ),
    "gone-meanwhile": (
        "alice",
        lambda c: c.destroy("bias"),
        failure(404, "not found"),
        SandboxNotFound,
        "list",
    ),
    "what-nobody-thought-of": (
        "alice",
        lambda c: c.suspend("bias", "It misbehaves"),
        failure(409, "changed"),
        KubernetesRefused,
        "again",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whoever_is_refused_is_told_what_to_do(case: str) -> None:
    me, deed, answer, error, step = REFUSED[case]
    server = Server(sandbox(), me=me)
    server.changes = lambda _: answer
    with pytest.raises(error) as caught:
        deed(server.client())
    assert step in caught.value.next_step
    assert "ValidatingAdmissionPolicy" not in str(caught.value)


def test_without_a_configuration_roles_stand_for_people() -> None:
    server = Server(sandbox(), me="mallory")
    server.changes = lambda _: failure(403, POLICY)
    with pytest.raises(NotAnApprover) as caught:
        server.client(None).approve("bias")
    assert "sandbox_service.approvers" in caught.value.next_step
    unknown = failure(422, "x", ("spec.profile", 'bad: supported values: "large", "small"'))
    server.changes = lambda _: unknown
    with pytest.raises(ProfileUnknown) as told:
        server.client(None).request(ASKED)
    assert "large, small" in told.value.next_step


def test_what_is_not_there_and_who_may_not_look() -> None:
    with pytest.raises(SandboxNotFound, match="no sandbox other"):
        Server(sandbox()).client().get("other")

    class Closed(Server):
        def handle(self, request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return failure(403, "forbidden")
            return super().handle(request)

    for deed in (SandboxClient.all, lambda c: c.get("bias")):
        with pytest.raises(NoSandboxRole, match="alice may not look"):
            deed(Closed().client())


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (sandbox(rejection=NO), "rejected by bob: Not with this data"),
        (sandbox(status={"phase": "Expiring"}), "being destroyed"),
        (sandbox(status={"phase": "Destroyed"}), "is destroyed"),
        (
            sandbox(
                status={
                    "phase": "Failed",
                    "conditions": [
                        {"type": "Ended", "status": "True", "reason": "X", "message": "No room"}
                    ],
                }
            ),
            "failed: No room",
        ),
    ],
    ids=["rejected", "expiring", "destroyed", "failed"],
)
def test_what_has_ended_is_not_renewed_or_waited_for(there: Any, words: str) -> None:
    server = Server(there)
    deeds: tuple[Deed, ...] = (
        lambda c: c.renew("bias", "1h", "It takes longer"),
        lambda c: c.suspend("bias", "It misbehaves"),
        lambda c: c.wait("bias", c.is_ready, seconds=60),
    )
    for deed in deeds:
        with pytest.raises(SandboxOver, match=words):
            deed(server.client())
    assert server.asked == []


def changed(phase: str, **status: Any) -> dict[str, Any]:
    return {"type": "MODIFIED", "object": sandbox(status={"phase": phase, **status})}


def test_a_wait_is_over_when_it_happens() -> None:
    server = Server(sandbox())
    server.watches = [[changed("Approved")], [changed("Provisioning"), changed("Ready")]]
    client = server.client()
    phases: list[str] = []

    def seen(now: Sandbox) -> None:
        phases.append(now.status.phase)

    found = client.wait("bias", client.is_ready, seconds=60, seen=seen)
    assert found is not None
    assert found.status.phase == "Ready"
    # Each watch begins with what is there.
    assert phases == ["Requested", "Approved", "Requested", "Provisioning", "Ready"]


def test_a_wait_ends_with_its_time_and_with_the_sandbox() -> None:
    client = Server(sandbox()).client()
    with pytest.raises(WaitedTooLong, match="bias is Requested"):
        client.wait("bias", client.is_ready, seconds=0)
    server = Server(sandbox())
    server.watches = [[{"type": "DELETED", "object": sandbox()}]]
    gone = server.client()
    with pytest.raises(SandboxOver, match="gone"):
        gone.wait("bias", gone.is_ready, seconds=60)
    server.watches = [[{"type": "DELETED", "object": sandbox()}]]
    assert gone.wait("bias", gone.is_gone("u1"), seconds=60) is None
    # Another one of the same name is not it.
    assert gone.wait("bias", gone.is_gone("u0"), seconds=60) is not None


def test_other_waits() -> None:
    server = Server(sandbox(status={"phase": "Ready"}))
    client = server.client()
    server.watches = [[changed("Ready", renewed=["renewal-1"])], [changed("Suspended")]]
    assert client.wait("bias", client.is_renewed("renewal-1"), seconds=60)
    assert client.wait("bias", client.is_suspended, seconds=60)
