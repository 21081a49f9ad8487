"""`lab sandbox files` over a real API server, each command by the person whose command it is."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import naming
from infra.cli import main
from infra.sandbox.transfer import path_of
from tests.harness.api_server import ApiServer
from tests.harness.guarded_lab import (
    ALICE,
    BOB,
    CAROL,
    OLGA,
    WORKSHOP,
    GuardedLab,
    guarded,
    request,
)
from tests.harness.guarded_lab import path_of as sandbox_path
from tests.live.support.api import eventually, say
from tests.live.support.rights import wait_until_allowed

NOBODY = "nobody@example.org"
SANDBOX = "bias-audit"
NOTE = "Rates of error by age group; no case can be told from it"
_RBAC = "rbac.authorization.k8s.io"
_NUMBERS = itertools.count()
Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def lab(server_alone: ApiServer) -> Iterator[GuardedLab]:
    """Alice's sandbox is there as its operator would make it, and one that is not made yet."""
    with guarded(server_alone) as found:
        for name in (SANDBOX, "later"):
            made = found[ALICE].create(request(ALICE, name))
            assert made.status_code == 201, say(made)
        status = {"status": {"phase": "Ready", "namespace": WORKSHOP}}
        answer = found[naming.OPERATOR].patch(f"{sandbox_path(SANDBOX)}/status", status)
        assert answer.is_success, say(answer)
        binding = {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "principal", "namespace": WORKSHOP},
            "roleRef": {
                "apiGroup": _RBAC,
                "kind": "ClusterRole",
                "name": naming.PRINCIPAL_ROLE,
            },
            "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": ALICE}],
        }
        assert found.api.create(binding).status_code == 201
        wait_until_allowed(
            found[ALICE],
            group=naming.LABEL_PREFIX,
            resource="transfers",
            namespace=WORKSHOP,
            verb="create",
        )
        yield found


@pytest.fixture(scope="module")
def kubeconfigs(lab: GuardedLab) -> dict[str, Path]:
    return {name: lab.server.kubeconfig_of(name) for name in (ALICE, BOB, CAROL, OLGA, NOBODY)}


@pytest.fixture
def run(
    kubeconfigs: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """One command by one person: exit status, the document that it prints, what it says."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "labs"))

    def command(who: str, what: str, *words: str) -> tuple[int, Any, str]:
        login = ["--kubeconfig", str(kubeconfigs[who])]
        status = main.run(["sandbox", "files", what, *login, "--json", *words])
        found = capfd.readouterr()
        return status, json.loads(found.out) if found.out else None, found.err

    return command


@pytest.fixture
def report(tmp_path: Path) -> Path:
    found = tmp_path / "report.pdf"
    found.write_bytes(b"%PDF-1.7 rates")
    return found


@pytest.fixture
def asked(run: Run, report: Path) -> str:
    """An export that Alice asks for."""
    name = f"results-{next(_NUMBERS)}"
    words = ("-d", "export", "-c", "report", "--note", NOTE)
    status, _, said = run(ALICE, "ask", SANDBOX, name, str(report), *words)
    assert status == 0, said
    return name


def refused(answer: tuple[int, Any, str], code: str, *words: str) -> None:
    status, found, said = answer
    assert status != 0
    assert found["error"]["code"] == code, said
    for word in words:
        assert word in said
    for inside in ("ValidatingAdmissionPolicy", "ai-lab-transfer", "clusterrole"):
        assert inside not in said


def decided(lab: GuardedLab, name: str, phase: str, message: str) -> None:
    condition = {
        "type": "Reviewed",
        "status": "True",
        "reason": phase,
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    body = {"status": {"phase": phase, "conditions": [condition]}}
    answer = lab[naming.OPERATOR].patch(f"{path_of(WORKSHOP, name)}/status", body)
    assert answer.is_success, say(answer)


def test_ask_list_approve(run: Run, lab: GuardedLab, report: Path, asked: str) -> None:
    there = lab.api.read(path_of(WORKSHOP, asked))["spec"]
    sha256 = hashlib.sha256(report.read_bytes()).hexdigest()
    assert there["files"] == [
        {"name": "report.pdf", "sha256": sha256, "size": 14, "type": "application/pdf"}
    ]
    assert (there["requester"], there["note"]) == (ALICE, NOTE)
    for who in (ALICE, BOB, OLGA):
        status, listed, said = run(who, "list", SANDBOX)
        assert status == 0, said
        assert asked in [one["name"] for one in listed]
    for who in (BOB, CAROL, BOB):
        status, found, said = run(who, "approve", SANDBOX, asked, str(report))
        assert status == 0, said
    assert found["approvals"] == [BOB, CAROL]


def test_a_file_that_is_elsewhere_is_described(run: Run, lab: GuardedLab) -> None:
    words = ("-d", "import", "-c", "weights")
    described = f"model.safetensors={'AB' * 32}:1048576:application/octet-stream"
    status, found, said = run(ALICE, "ask", SANDBOX, "model", described, *words)
    assert status == 0, said
    assert found["files"][0]["sha256"] == "ab" * 32
    assert lab.api.read(path_of(WORKSHOP, "model"))["spec"]["files"][0]["size"] == 1048576


def test_nobody_approves_what_he_does_not_have(
    run: Run, lab: GuardedLab, report: Path, asked: str
) -> None:
    more = report.with_name("more.csv")
    more.write_text("a,b")
    here, also = str(report), str(more)
    refused(run(BOB, "approve", SANDBOX, asked, here, also), "LAB-920", "more.csv", ALICE)
    refused(run(BOB, "approve", SANDBOX, asked, also), "LAB-920", "more.csv", "report.pdf")
    refused(run(BOB, "approve", SANDBOX, asked, here, here), "LAB-920", "twice")
    # What Bob looked at, and what Alice has put into its place since.
    words = ("-d", "export", "-c", "report", "--note", NOTE)
    other = report.with_name("other") / "report.pdf"
    other.parent.mkdir()
    other.write_bytes(b"%PDF-1.7 cases")
    assert run(ALICE, "withdraw", SANDBOX, asked)[0] == 0
    assert run(ALICE, "ask", SANDBOX, asked, str(other), *words)[0] == 0
    refused(run(BOB, "approve", SANDBOX, asked, here), "LAB-920", "report.pdf")
    assert lab.api.read(path_of(WORKSHOP, asked))["spec"]["approvals"] == []


def test_ones_own_and_others_are_refused_with_what_to_do(
    run: Run, report: Path, asked: str
) -> None:
    here = str(report)
    refused(run(ALICE, "approve", SANDBOX, asked, here), "LAB-910", "files approve", ALICE)
    refused(run(OLGA, "approve", SANDBOX, asked, here), "LAB-909", OLGA, "approvers")
    refused(run(OLGA, "reject", SANDBOX, asked, "-r", "Not with this data"), "LAB-909")
    refused(run(BOB, "approve", SANDBOX, "another", here), "LAB-918", "another", "files list")
    refused(run(BOB, "withdraw", SANDBOX, asked), "LAB-911", ALICE)
    refused(run(NOBODY, "list", SANDBOX), "LAB-907", NOBODY)
    refused(run(BOB, "list", "no-such"), "LAB-902")
    refused(run(BOB, "list", "later"), "LAB-914", "later is Requested")


def test_what_cannot_be_asked_for_is_said(run: Run, report: Path, asked: str) -> None:
    here = str(report)
    out = ("-d", "export", "-c")
    refused(run(ALICE, "ask", SANDBOX, "a", here, *out, "report"), "LAB-906", "note")
    refused(
        run(ALICE, "ask", SANDBOX, "a", here, *out, "weights", "--note", NOTE), "LAB-906", "weights"
    )
    refused(
        run(ALICE, "ask", SANDBOX, asked, here, *out, "report", "--note", NOTE), "LAB-906", asked
    )
    answer = run(BOB, "ask", SANDBOX, "a", here, "-d", "import", "-c", "data")
    refused(answer, "LAB-911", ALICE, BOB)
    status, found, said = run(
        ALICE, "ask", SANDBOX, "a", "no-such.csv", "-d", "import", "-c", "data"
    )
    assert status != 0
    assert "no-such.csv" in said
    assert "NAME=SHA256" in said
    status, found, said = run(ALICE, "ask", SANDBOX, "a", here, "-d", "out", "-c", "data")
    assert status != 0
    assert "import, export" in said
    assert found["error"]


def test_a_rejection_is_told_with_its_reason(run: Run, report: Path, asked: str) -> None:
    reason = "Cases can be told from it"
    status, found, said = run(CAROL, "reject", SANDBOX, asked, "--reason", reason)
    assert status == 0, said
    assert found["rejection"] == {"by": CAROL, "reason": reason}
    refused(run(BOB, "approve", SANDBOX, asked, str(report)), "LAB-919", CAROL, reason)
    refused(run(BOB, "reject", SANDBOX, asked, "--reason", reason), "LAB-919", CAROL)


def test_withdrawn_is_gone(run: Run, lab: GuardedLab, asked: str) -> None:
    assert run(ALICE, "withdraw", SANDBOX, asked)[0] == 0
    assert lab.api.get(path_of(WORKSHOP, asked)).status_code == 404
    refused(run(ALICE, "withdraw", SANDBOX, asked), "LAB-918")


@pytest.mark.parametrize(
    ("phase", "code"), [("Approved", ""), ("Rejected", "LAB-919"), ("Refused", "LAB-919")]
)
def test_waiting_ends_with_the_decision(
    phase: str, code: str, *, run: Run, lab: GuardedLab, report: Path, asked: str
) -> None:
    answers: list[tuple[int, Any, str]] = []
    waiting = threading.Thread(
        target=lambda: answers.append(
            run(BOB, "approve", SANDBOX, asked, str(report), "--wait", "--timeout", "2m")
        )
    )
    waiting.start()
    path = path_of(WORKSHOP, asked)
    said = eventually(
        lambda: lab.api.read(path)["spec"]["approvals"], until=bool, within=60, every=0.05
    )
    assert [one["by"] for one in said] == [BOB]
    decided(lab, asked, phase, "so it is")
    waiting.join(timeout=120)
    assert not waiting.is_alive()
    (answer,) = answers
    if code:
        refused(answer, code)
    else:
        assert answer[0] == 0, answer[2]
        assert answer[1]["phase"] == phase


def test_waiting_has_an_end(run: Run, report: Path, asked: str) -> None:
    answer = run(BOB, "approve", SANDBOX, asked, str(report), "--wait", "--timeout", "1s")
    refused(answer, "LAB-916", asked)
