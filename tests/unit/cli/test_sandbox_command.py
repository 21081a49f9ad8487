"""`lab sandbox` as people see it; what it does is proven on a real API server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.cli import main, sandbox_enter, sandbox_session, sandbox_show
from infra.cli import sandbox as command
from infra.cli.exit_codes import ExitCode
from infra.cli.sandbox_session import Session
from infra.sandbox import login
from infra.sandbox.resource import Sandbox
from tests.unit.cli.conftest import document
from tests.unit.sandbox.answering import Server, sandbox
from tests.unit.sandbox.test_login import FOUND, connection

FULL = sandbox(
    status={
        "phase": "Ready",
        "namespace": "sandbox-x-1",
        "expiresAt": "2026-01-01T09:30:00Z",
        "renewed": ["renewal-1"],
    },
    egress=[{"cidr": "192.0.2.0/24", "port": 443, "reason": "Data of the city"}],
    images=["lab.local/tool:1"],
    approvals=[{"by": "bob"}],
    renewals=[
        {"name": "renewal-1", "extend": "1h", "reason": "It takes longer", "approvals": []},
        {
            "name": "renewal-2",
            "extend": "2h",
            "reason": "It takes longer",
            "approvals": [{"by": "bob"}],
        },
    ],
    suspension={"by": "olga", "reason": "It misbehaves"},
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Instead of a lab."""
    found = Server(sandbox(), me="alice")
    for module in (command, sandbox_enter):
        monkeypatch.setattr(module, "session_of", lambda *_: Session(found.client(), connection()))
    return found


def test_a_request_takes_one_line(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sandbox", "request", "bias", "--purpose", "Measure the bias", "--ttl", "8h"]
    assert main.run(words) == 0
    assert "lab sandbox approve bias" in capsys.readouterr().out
    ((_, _, body),) = server.asked
    assert body["spec"] == {"purpose": "Measure the bias", "requester": "alice", "ttl": "8h"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["approve", "bias"], "alice approves the request of bias."),
        (["reject", "bias", "-r", "Not with this data"], "alice rejects bias."),
        (["renew", "bias", "-e", "1h", "-r", "It takes longer"], "--renewal renewal-1"),
        (["suspend", "bias", "-r", "It misbehaves"], "bias is suspended."),
        (["resume", "bias"], "bias goes on."),
        (["destroy", "bias", "--yes"], "bias is being destroyed."),
        (["destroy", "bias", "--dry-run"], "would be destroyed"),
        (["list"], "approval (0 so far)"),
        (["list", "--mine"], "bias"),
        (["show", "bias"], "bias: Requested"),
    ],
)
def test_what_people_are_told(
    words: list[str], said: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["sandbox", *words]) == 0
    assert said in capsys.readouterr().out


def test_what_programs_are_told(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--json", "sandbox", "show", "bias"]) == 0
    assert document(capsys)["phase"] == "Requested"
    assert main.run(["sandbox", "list", "--json"]) == 0
    assert [one["name"] for one in document(capsys)] == ["bias"]
    assert main.run(["sandbox", "approve", "nothing", "--json"]) == ExitCode.FAILED
    assert document(capsys)["error"]["code"] == "LAB-902"
    server.there.clear()
    assert main.run(["sandbox", "list"]) == 0
    assert "There are none" in capsys.readouterr().out


def test_nothing_is_destroyed_without_a_yes(server: Server) -> None:
    assert main.run(["sandbox", "destroy", "bias"]) == ExitCode.BAD_INPUT
    assert server.asked == []


@pytest.mark.parametrize("egress", ["192.0.2.0/24", "192.0.2.0/24=x", "192.0.2.0/24:http=Data"])
def test_a_way_out_that_is_none(egress: str, server: Server) -> None:
    words = ["sandbox", "request", "bias", "-p", "A purpose", "--ttl", "8h", "--egress", egress]
    assert main.run(words) == ExitCode.BAD_INPUT
    assert server.asked == []


def test_a_time_to_wait_that_is_none(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sandbox", "show", "bias", "--wait", "--timeout", "soon"]
    assert main.run(words) == ExitCode.BAD_INPUT
    assert "90s, 10m or 2h" in capsys.readouterr().err


def test_phases_are_told_while_waiting(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    ready = {"type": "MODIFIED", "object": sandbox(status={"phase": "Ready"})}
    server.watches = [[ready]]
    assert main.run(["sandbox", "show", "bias", "--wait"]) == 0
    assert "bias: Requested\nbias: Ready\n" in capsys.readouterr().err


def test_exec_ends_as_the_command_does(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    def run(kubectl: Any, found: Any, pod: str, words: list[str], **more: Any) -> int:
        ran.append((found, pod, words, more["container"]))
        return 7

    monkeypatch.setattr(login, "log_in", lambda *_: FOUND)
    monkeypatch.setattr(login.Login, "connection", lambda _: connection())
    monkeypatch.setattr(login, "pod_to_enter", lambda *_: "model")
    monkeypatch.setattr(login, "run", run)
    monkeypatch.setattr("infra.toolchain.binary", lambda _: "/kubernetes")
    assert main.run(["sandbox", "exec", "bias", "-c", "main", "--", "ls", "-la", "--all"]) == 7
    assert ran == [(FOUND, "model", ["ls", "-la", "--all"], "main")]


def test_everything_of_a_sandbox_is_shown() -> None:
    lines = "\n".join(sandbox_show.lines(Sandbox.of(FULL)))
    for words in (
        "192.0.2.0/24 TCP 443: Data of the city",
        "may run         lab.local/tool:1",
        "approved by     bob",
        "renewal-1       1h more, approved by nobody yet",
        "waits for       approval of renewal-2",
        "waits for       a security officer",
        "suspended by    olga: It misbehaves",
    ):
        assert words in lines
    found = sandbox_show.document(Sandbox.of(FULL))
    assert [one["counted"] for one in found["renewals"]] == [True, False]
    assert found["expires_at"] == "2026-01-01T09:30:00+00:00"


@pytest.mark.parametrize(
    ("now", "left"),
    [("07:15", "2h15m"), ("09:29", "1m"), ("09:40", "0m"), ("09:00", "30m")],
)
def test_how_long_it_lives_on(now: str, left: str) -> None:
    hours, minutes = map(int, now.split(":"))
    time = datetime(2026, 1, 1, hours, minutes, tzinfo=UTC)
    assert sandbox_show.left(Sandbox.of(FULL), time) == left


def test_what_has_ended_waits_for_nobody() -> None:
    over = Sandbox.of({**FULL, "status": {**FULL["status"], "phase": "Destroyed"}})
    assert sandbox_show.left(over) == ""
    assert sandbox_show.waits_for(over) == []


def test_groups_are_of_somebody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["sandbox", "list", "--as-group", "leads"]) == ExitCode.BAD_INPUT
    assert "--as USER" in capsys.readouterr().err


def test_a_lab_that_is_not_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    assert main.run(["sandbox", "list", "--json"]) == ExitCode.FAILED
    assert document(capsys)["error"]["code"] == "LAB-802"
    assert main.run(["sandbox", "list", "--json", "--stack", "nosuch"]) == ExitCode.BAD_INPUT
    assert document(capsys)["error"]["code"] == "LAB-102"
    missing = str(tmp_path / "kubeconfig")
    assert main.run(["sandbox", "list", "--json", "--kubeconfig", missing, "-s", "nosuch"]) == 1
    assert document(capsys)["error"]["code"] == "LAB-705"
    assert sandbox_session._lab("nosuch", required=False) == (None, None)


def test_what_it_costs_is_shown(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sandbox", "request", "bias", "-p", "Measure the bias", "--ttl", "8h"]
    assert main.run([*words, "--budget", "12.50"]) == 0
    assert server.asked[-1][2]["spec"]["budget"] == "12.50"
    capsys.readouterr()
    status = {
        "phase": "Ready",
        "readyAt": "2026-01-01T00:00:00Z",
        "costPerHour": "2.4",
        "budget": "24",
        "cost": "0.00",
    }
    lives = Sandbox.of(sandbox(status=status))
    after = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
    assert sandbox_show.cost(lives, after) == "6.00"
    ended = Sandbox.of(sandbox(status={**status, "phase": "Destroyed", "cost": "7.20"}))
    assert sandbox_show.cost(ended, after) == "7.20", "what has ended costs nothing more"
    assert "  cost            7.20 of 24 euro, 2.4 an hour" in sandbox_show.lines(ended)
    assert sandbox_show.document(ended)["budget"] == "24"
    asked = Sandbox.of(sandbox(budget="20"))
    assert "  may cost        20 euro" in sandbox_show.lines(asked)
    server.there["bias"] = sandbox(status={**status, "phase": "Destroyed", "cost": "7.20"})
    assert main.run(["sandbox", "list"]) == 0
    assert "7.20 of" in capsys.readouterr().out


def test_who_waits_for_room_is_told_so() -> None:
    full = {"type": "QuotaExceeded", "status": "True", "reason": "Total", "message": "it is full"}
    waiting = Sandbox.of(sandbox(status={"phase": "Requested", "conditions": [full]}))
    assert sandbox_show.waits_for(waiting) == ["room (it is full)"]
