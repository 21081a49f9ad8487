"""Whole lives of sandboxes, by the real process on a real API server and a real Vault."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra import naming
from infra.evidence import certificate
from infra.evidence.dsse import Envelope, Trust
from infra.evidence.sqlite import SqliteStore
from infra.sandbox.resource import PATH, Phase
from tests.harness.lives import EVENTS, Life, lead
from tests.harness.sandbox_lab import (
    APPROVERS,
    AS_IT_SHOULD_BE,
    OFFICER,
    PATIENCE,
    REQUESTER,
    Operator,
    SandboxLab,
)
from tests.live.support.api import eventually, say


@pytest.fixture(scope="module")
def operator(lab: SandboxLab) -> Iterator[Operator]:
    with lab.operator() as found:
        yield found


@pytest.fixture(autouse=True)
def _running(operator: Operator) -> None:
    """Every test here has one."""


def ready(lab: SandboxLab, name: str, **spec: Any) -> dict[str, Any]:
    """A sandbox that somebody works in; its status."""
    lab.request(name, **spec)
    lab.until(name, Phase.REQUESTED)
    lab.approve(name)
    return lab.until(name, Phase.READY)


def may(lab: SandboxLab, user: str, namespace: str) -> bool:
    """Whether somebody can work in a sandbox."""
    answer = lab.person(user).get(f"/api/v1/namespaces/{namespace}/pods")
    assert answer.status_code in (200, 403), say(answer)
    return answer.status_code == 200


def uid_of(lab: SandboxLab, name: str) -> str:
    found = lab.read(name)
    assert found is not None
    return str(found["metadata"]["uid"])


def test_from_a_request_to_a_certificate(lab: SandboxLab) -> None:
    lab.request("whole", ttl="20s")
    lab.until("whole", Phase.REQUESTED)
    begun = time.monotonic()
    lab.approve("whole")
    status = lab.until("whole", Phase.READY)
    made = time.monotonic() - begun
    namespace = status["namespace"]
    # Its person works in it, and nobody else; a person's program has a token for an hour at most.
    assert may(lab, REQUESTER, namespace)
    assert not may(lab, APPROVERS[0], namespace)
    token = f"/api/v1/namespaces/{namespace}/serviceaccounts/principal/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    for seconds, allowed in ((3600, True), (86400, False)):
        answer = lab.person(REQUESTER).post(
            token, {**asked, "spec": {"expirationSeconds": seconds}}
        )
        assert answer.is_success is allowed, say(answer)
    other = f"/api/v1/namespaces/{namespace}/serviceaccounts/sandbox/token"
    answer = lab.person(REQUESTER).post(other, {**asked, "spec": {"audiences": ["vault"]}})
    assert answer.status_code == 403, say(answer)
    assert lab.workload(namespace).status_code == 200
    ended = lab.until("whole", Phase.DESTROYED)
    over = time.monotonic() - begun
    print(
        f"\napproved to Ready {made:.2f} s; Ready for 20 s, then Destroyed {over - made - 20:.2f} s"
    )
    assert namespace not in lab.namespaces()
    assert namespace not in lab.in_vault()
    _certified(lab, "whole", ended["certificate"])
    lab.delete("whole")
    lab.until_gone("whole")


def _certified(lab: SandboxLab, name: str, sha256: str) -> None:
    """The certificate in the status is one that verifies and says what the log says."""
    records = lab.records(uid_of(lab, name))
    store = SqliteStore(lab.evidence)
    try:
        kept = store.kept(sha256)
    finally:
        store.close()
    assert kept is not None
    assert Envelope.parse(kept).trust(lab.keys()) is Trust.GOOD
    statement, faults = certificate.check(kept, records, lab.keys(), "certificate")
    assert faults == []
    assert statement is not None
    assert {one.what for one in statement.predicate.destroyed} == set(certificate._STEPS)
    # What nobody could look at, it says.
    limits = " ".join(limit.text for limit in statement.predicate.limits)
    assert "configmaps, secrets" in limits
    assert "flow logs" in limits


def test_everything_that_happens_is_recorded_once(lab: SandboxLab) -> None:
    life = Life(lab, "recorded")
    lead(lab, [life], within=4 * PATIENCE)
    assert [str(record.event) for record in lab.records(life.uid)] == list(EVENTS)


def test_its_end_is_seen_before_it_is_gone(lab: SandboxLab) -> None:
    ready(lab, "seen")
    params = {"watch": "1", "fieldSelector": "metadata.name=seen", "timeoutSeconds": "120"}
    phases: list[str] = []
    with lab.server.client.stream("GET", PATH, params=params, timeout=PATIENCE) as stream:
        lab.delete("seen")
        for line in stream.iter_lines():
            event = json.loads(line)
            if event["type"] == "DELETED":
                break
            phases.append(event["object"]["status"]["phase"])
    assert phases[-1] == Phase.DESTROYED
    told = lab.api.items("/apis/events.k8s.io/v1/namespaces/default/events")
    reasons = [one["reason"] for one in told if one["regarding"]["name"] == "seen"]
    assert {"Approved", "Provisioning", "Ready", "Expiring", "Destroyed"} <= set(reasons)


def test_what_was_never_approved_leaves_nothing(lab: SandboxLab) -> None:
    uid = lab.request("withdrawn")["metadata"]["uid"]
    lab.until("withdrawn", Phase.REQUESTED)
    lab.delete("withdrawn")
    lab.until_gone("withdrawn")
    records = lab.records(uid)
    assert [str(one.event) for one in records] == ["Requested", "Destroyed"]
    assert records[-1].details == {"because": "Deleted", "made": False}


def test_a_no_is_final(lab: SandboxLab) -> None:
    lab.request("rejected")
    lab.until("rejected", Phase.REQUESTED)
    no = {"rejection": {"by": APPROVERS[0], "reason": "not with these data"}}
    lab.change("rejected", APPROVERS[0], no)
    lab.until("rejected", Phase.REJECTED)
    assert "identity" not in lab.status("rejected")
    records = lab.records(uid_of(lab, "rejected"))
    assert [str(one.event) for one in records] == ["Requested", "Rejected"]
    assert records[-1].actor.principal == APPROVERS[0]
    lab.delete("rejected")
    lab.until_gone("rejected")


def test_more_eyes_for_more_confidential_data(lab: SandboxLab) -> None:
    lab.request("confidential", classification="confidential")
    lab.until("confidential", Phase.REQUESTED)
    lab.approve("confidential")
    told = eventually(
        lambda: lab.status("confidential")["conditions"],
        until=lambda got: got[0]["message"] == "1 of 2 approvals",
        within=PATIENCE,
    )
    assert told[0]["message"] == "1 of 2 approvals"
    assert lab.status("confidential")["phase"] == Phase.REQUESTED
    lab.approve("confidential", APPROVERS[1])
    lab.until("confidential", Phase.READY)
    lab.delete("confidential")
    lab.until_gone("confidential")


def test_a_suspension_shuts_everybody_out_at_once(lab: SandboxLab) -> None:
    namespace = ready(lab, "suspended")["namespace"]
    expires = lab.status("suspended")["expiresAt"]
    login = lab.workload(namespace).json()["auth"]["client_token"]
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    open_ = {one["metadata"]["name"] for one in lab.api.items(policies)}
    answer = lab.person(REQUESTER).post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/principal/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    program = answer.json()["status"]["token"]
    pods = f"/api/v1/namespaces/{namespace}/pods"
    with lab.server.bearer(program) as client:
        assert client.get(pods).status_code == 200
        begun = time.monotonic()
        stop = {"suspension": {"by": OFFICER, "reason": "it behaves strangely"}}
        lab.change("suspended", OFFICER, stop)
        lab.until("suspended", Phase.SUSPENDED)
        print(f"\nsuspended in {time.monotonic() - begun:.3f} s")
        assert not may(lab, REQUESTER, namespace)
        # The account is gone, and with it every token of it (the API server may know it for 10 s).
        gone = eventually(
            lambda: client.get(pods).status_code, until=lambda got: got != 200, within=15
        )
        assert gone in (401, 403)
    assert lab.workload(namespace).status_code in (400, 403)
    assert lab.lookup_self(login) == 403
    closed = {one["metadata"]["name"] for one in lab.api.items(policies)}
    assert closed == {"default-deny"}
    assert lab.status("suspended")["expiresAt"] == expires, "the time goes on"
    lab.change("suspended", OFFICER, {"suspension": None})
    lab.until("suspended", Phase.READY)
    assert may(lab, REQUESTER, namespace)
    assert lab.workload(namespace).status_code == 200
    assert {one["metadata"]["name"] for one in lab.api.items(policies)} == open_
    lab.delete("suspended")
    lab.until_gone("suspended")


def test_renewals_need_others_and_have_an_end(lab: SandboxLab) -> None:
    status = ready(lab, "renewed", ttl="20h")
    more = {"name": "more", "extend": "20h", "reason": "it takes longer"}
    lab.change("renewed", REQUESTER, {"renewals": [more]})
    waiting = eventually(
        lambda: lab.status("renewed"),
        until=lambda got: any(one["type"] == "RenewalPending" for one in got["conditions"]),
        within=PATIENCE,
    )
    assert waiting["expiresAt"] == status["expiresAt"]
    approved = {**more, "approvals": [{"by": APPROVERS[0]}]}
    lab.change("renewed", APPROVERS[0], {"renewals": [approved]})
    longer = eventually(
        lambda: lab.status("renewed"), until=lambda got: got["renewed"] == ["more"], within=PATIENCE
    )
    # 24 h is the longest life in this lab, whatever was approved.
    begun, end = (str(longer[name]) for name in ("readyAt", "expiresAt"))
    assert (begun[10:], end[10:]) == (begun[10:], begun[10:])
    assert begun[:10] < end[:10]
    lab.delete("renewed")
    lab.until_gone("renewed")


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("no-profile", {"profile": "huge"}, "no profile"),
        (
            "into-the-lab",
            {"egress": [{"cidr": "10.98.0.0/24", "port": 443, "reason": "to see others"}]},
            "10.98.0.0/24",
        ),
    ],
)
def test_what_no_sandbox_may_be_is_refused(
    lab: SandboxLab, name: str, spec: dict[str, Any], says: str
) -> None:
    before = lab.namespaces()
    lab.request(name, **spec)
    lab.until(name, Phase.REQUESTED)
    lab.approve(name)
    status = lab.until(name, Phase.FAILED)
    assert says in str(status["conditions"])
    assert "identity" not in status
    assert lab.namespaces() == before
    lab.delete(name)
    lab.until_gone(name)


def test_a_wall_that_does_not_hold_lets_nobody_in(lab: SandboxLab) -> None:
    lab.kubelet.found = lambda _: {**AS_IT_SHOULD_BE, "metadata": "open"}
    try:
        lab.request("open")
        lab.until("open", Phase.REQUESTED)
        lab.approve("open")
        status = lab.until("open", Phase.FAILED)
    finally:
        lab.kubelet.found = lambda _: AS_IT_SHOULD_BE
    assert "metadata is open" in str(status["conditions"])
    assert status["attempts"] == 3
    records = lab.records(uid_of(lab, "open"))
    events = [str(one.event) for one in records]
    assert events.count("ProbeFailed") == 3
    assert "Ready" not in events
    assert events[-2:] == ["Certified", "Destroyed"], "what was made is destroyed with a proof"
    assert status["namespace"] not in lab.namespaces() | lab.in_vault()
    lab.delete("open")
    lab.until_gone("open")


def test_words_that_a_probe_should_not_say_let_nobody_in(lab: SandboxLab) -> None:
    lab.kubelet.found = lambda _: "everything is fine"
    try:
        lab.request("odd")
        lab.until("odd", Phase.REQUESTED)
        lab.approve("odd")
        lab.until("odd", Phase.FAILED)
    finally:
        lab.kubelet.found = lambda _: AS_IT_SHOULD_BE
    lab.delete("odd")
    lab.until_gone("odd")


def test_with_a_list_of_images_it_can_be_made(lab: SandboxLab) -> None:
    """The probe's image is none of them: the list holds from when somebody is let in."""
    image = f"registry.k8s.io/pause@sha256:{'0' * 64}"
    namespace = ready(lab, "listed", images=[image])["namespace"]
    found = lab.api.read(f"/api/v1/namespaces/{namespace}")
    assert found["metadata"]["annotations"][naming.ANNOTATION_IMAGES] == image
    lab.delete("listed")
    lab.until_gone("listed")


def _whole_life(lab: SandboxLab, name: str) -> None:
    ready(lab, name)
    lab.delete(name)
    lab.until_gone(name)


def test_nothing_secret_is_logged(lab: SandboxLab, operator: Operator) -> None:
    _whole_life(lab, "logged")
    text = operator.log.read_text()
    assert "step done" in text
    for secret in (
        (lab.folder / "credentials" / "token").read_text(),
        (lab.folder / "vault-token").read_text(),
        "hvs.",
        "vault:v1:",
    ):
        assert secret not in text


def test_metrics_and_health(lab: SandboxLab, operator: Operator) -> None:
    _whole_life(lab, "measured")
    text = operator.metrics()
    assert "ai_lab_sandbox_operator_leader 1.0" in text
    assert 'ai_lab_sandboxes{phase="Ready"}' in text
    assert 'ai_lab_sandbox_step_seconds_count{step="certify"}' in text
    answer = httpx.get(f"http://127.0.0.1:{operator.port}/healthz", trust_env=False)
    assert answer.status_code == 200
