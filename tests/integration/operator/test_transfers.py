"""Reviews of files, by the real process: what it counts, records, and leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.evidence.records import Record
from infra.sandbox import transfer
from infra.sandbox.resource import API_VERSION, Phase
from infra.sandbox.transfer import path_of
from tests.harness.sandbox_lab import APPROVERS, OFFICER, PATIENCE, REQUESTER, Operator, SandboxLab
from tests.live.support.api import eventually, say

FILES = [
    {"name": "report.pdf", "sha256": "ab" * 32, "size": 4096, "type": "application/pdf"},
    {"name": "rates.csv", "sha256": "cd" * 32, "size": 17, "type": "text/csv"},
]
NOTE = "Rates of error by age group; no case can be told from it"
ONE, TWO = APPROVERS


@pytest.fixture(scope="module")
def operator(lab: SandboxLab) -> Iterator[Operator]:
    with lab.operator() as found:
        yield found


@pytest.fixture(autouse=True)
def _running(operator: Operator) -> None:
    """Every test here has one."""


class Review:
    """One sandbox, and one request for files in it."""

    def __init__(self, lab: SandboxLab, name: str, classification: str, **spec: Any) -> None:
        self.lab, self.name = lab, name
        found = lab.request(name, classification=classification)
        self.uid = str(found["metadata"]["uid"])
        lab.until(name, Phase.REQUESTED)
        for by in APPROVERS:
            lab.approve(name, by)
        self.namespace = lab.until(name, Phase.READY)["namespace"]
        self.path = path_of(self.namespace, "results")
        self.ask(**spec)

    def ask(self, **spec: Any) -> None:
        whole = {
            "sandbox": self.name,
            "direction": "export",
            "content": "report",
            "files": FILES,
            "note": NOTE,
        }
        manifest = {
            "apiVersion": API_VERSION,
            "kind": transfer.KIND,
            "metadata": {"name": "results"},
            "spec": whole | spec,
        }
        answer = self.lab.person(REQUESTER).post(path_of(self.namespace), manifest)
        assert answer.status_code == 201, say(answer)

    def read(self) -> dict[str, Any]:
        return self.lab.api.read(self.path)

    def approve(self, by: str) -> None:
        found = self.read()
        voice = {"by": by, "uid": found["metadata"]["uid"]}
        body = {"spec": {"approvals": [*found["spec"]["approvals"], voice]}}
        answer = self.lab.person(by).patch(self.path, body)
        assert answer.status_code == 200, say(answer)

    def until(self, phase: str, message: str) -> dict[str, Any]:
        """Its status once it says that."""

        def said() -> dict[str, Any]:
            status: dict[str, Any] = self.read().get("status") or {}
            return status

        def there(status: dict[str, Any]) -> bool:
            messages = [one["message"] for one in status.get("conditions", [])]
            return status.get("phase") == phase and any(message in one for one in messages)

        status = eventually(said, until=there, within=PATIENCE, every=0.02)
        assert there(status), status
        return status

    def records(self) -> list[Record]:
        """About files; the whole log is verified."""
        found = self.lab.records(self.uid)
        return [one for one in found if one.event.value.startswith("Airlock")]

    def end(self) -> None:
        self.lab.delete(self.name)
        self.lab.until_gone(self.name)


def test_two_others_approve_and_the_evidence_says_what(lab: SandboxLab) -> None:
    review = Review(lab, "leaving", "confidential")
    review.until("Requested", "0 of 2")
    review.approve(ONE)
    review.until("Requested", "1 of 2")
    review.approve(TWO)
    status = review.until("Approved", "2 of 2")

    records = review.records()
    said = [(str(one.event), one.actor.principal, one.details.get("verdict")) for one in records]
    assert said == [
        ("AirlockRequested", REQUESTER, None),
        ("AirlockReviewed", ONE, "approved"),
        ("AirlockReviewed", TWO, "approved"),
        ("AirlockReviewed", "sandbox-operator", "enough"),
    ]
    asked = records[0].details
    assert asked["files"] == FILES
    assert (asked["direction"], asked["content"], asked["note"]) == ("export", "report", NOTE)
    assert status["evidenceHead"] == records[-1].digest
    # What is said later is neither counted nor recorded: it is decided.
    before = len(lab.records(review.uid))
    answer = lab.person(REQUESTER).delete(review.path)
    assert answer.is_success, say(answer)
    review.end()
    # The sandbox's end is certified although files were asked for: records stay in one chain.
    events = [str(one.event) for one in lab.records(review.uid)]
    assert events[:before][-1] == "AirlockReviewed"
    assert events[-2:] == ["Certified", "Destroyed"]


def test_files_need_somebody_else_even_where_sandboxes_do_not(lab: SandboxLab) -> None:
    review = Review(lab, "open", "public")
    review.until("Requested", "0 of 1")
    review.approve(TWO)
    review.until("Approved", "1 of 1")
    review.end()


def test_a_rejection_is_for_good(lab: SandboxLab) -> None:
    review = Review(lab, "kept", "internal", direction="import", note=None)
    review.until("Requested", "0 of 1")
    no = {"by": TWO, "reason": "These are cases of citizens"}
    answer = lab.person(TWO).patch(review.path, {"spec": {"rejection": no}})
    assert answer.is_success, say(answer)
    review.until("Rejected", no["reason"])
    last = review.records()[-2:]
    assert [str(one.event) for one in last] == ["AirlockReviewed", "AirlockRefused"]
    assert last[0].details["verdict"] == "rejected"
    # Nothing that was said of people is in the log.
    assert all("citizens" not in str(one.details) for one in review.records())
    review.end()


def test_another_sandbox_is_not_spoken_for(lab: SandboxLab) -> None:
    review = Review(lab, "honest", "internal", sandbox="other")
    review.until("Refused", "not the sandbox")
    assert review.records() == []
    review.end()


def test_what_cannot_be_recorded_is_not_approved(lab: SandboxLab) -> None:
    review = Review(lab, "careless", "internal", note="Read it with AKIAABCDEFGHIJKLMNOP from S3")
    status = review.until("Refused", "")
    assert "AKIA" not in str(status)
    assert review.records() == []
    review.end()


def test_files_of_a_sandbox_that_is_none_of_the_operators_are_left_alone(
    lab: SandboxLab, operator: Operator
) -> None:
    """One of the configuration: nobody keeps evidence of that."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sandbox-other"}}
    assert lab.api.create(namespace).is_success
    manifest = {
        "apiVersion": API_VERSION,
        "kind": transfer.KIND,
        "metadata": {"name": "results"},
        "spec": {
            "sandbox": "whole",
            "direction": "import",
            "content": "code",
            "files": FILES,
        },
    }
    # Who may everything asks: the person of a sandbox has no right here.
    made = lab.api.acting_as("admin@example.org", "system:masters").post(
        path_of("sandbox-other"), manifest
    )
    assert made.status_code == 201, say(made)
    review = Review(lab, "after", "internal")
    review.until("Requested", "0 of 1")
    assert "status" not in lab.api.read(path_of("sandbox-other", "results"))
    review.end()


def test_who_is_killed_records_nothing_twice(lab: SandboxLab, operator: Operator) -> None:
    """Whatever was recorded before, a successor finds it, and decides once."""
    review = Review(lab, "twice", "confidential")
    review.until("Requested", "0 of 2")
    review.approve(ONE)
    review.until("Requested", "1 of 2")
    operator.kill()
    review.approve(TWO)
    with lab.operator():
        review.until("Approved", "2 of 2")
        verdicts = [one.details.get("verdict") for one in review.records()]
        assert verdicts == [None, "approved", "approved", "enough"]
        review.end()


def test_who_may_see_and_say_what(lab: SandboxLab) -> None:
    with lab.operator():
        review = Review(lab, "walls", "internal")
        other = Review(lab, "beside", "internal")
        # The person of a sandbox has no right in another one; officers look, and change nothing.
        assert lab.person("nobody@example.org").get(review.path).status_code == 403
        assert lab.person(OFFICER).get(review.path).is_success
        body = {"spec": {"rejection": {"by": OFFICER, "reason": "Not with this data"}}}
        assert lab.person(OFFICER).patch(review.path, body).status_code == 403
        assert lab.person(ONE).delete(review.path).status_code == 403
        # Programs in a sandbox do not ask, although they may do what its person may.
        program = f"system:serviceaccount:{review.namespace}:principal"
        manifest = {
            "apiVersion": API_VERSION,
            "kind": transfer.KIND,
            "metadata": {"name": "more"},
            "spec": {**other.read()["spec"], "requester": program},
        }
        answer = lab.person(program).post(path_of(review.namespace), manifest)
        assert answer.status_code in (403, 422), say(answer)
        review.end()
        other.end()
