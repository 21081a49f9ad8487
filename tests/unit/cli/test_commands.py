from __future__ import annotations

import json
import shlex
import signal
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import typer

from infra import benchmark, engine, lifecycle, preflight, suite, verify
from infra.cli import main, reference
from infra.cli.exit_codes import ExitCode, exit_code
from infra.engine import Operation, Result
from infra.engine.events import ResourceEvent
from infra.errors import LabError, NotRoot, OperationStopped, tree
from infra.hosts import machine
from infra.hosts.cleanup import Leftovers
from infra.hosts.machine import MachineArgs, MachineState
from infra.paths import REPOSITORY, Home
from infra.verify import Check, Report

STATUS: dict[str, Any] = {
    "stack": "local",
    "lab": "local",
    "up": True,
    "machines": [
        {
            "name": "worker",
            "hostname": "local-worker",
            "address": "10.71.0.11",
            "role": "worker",
            "state": "running",
            "ssh_key": "/k",
            "known_hosts": "/h",
            "memory_bytes": 2**30,
        }
    ],
    "endpoints": [
        {"name": "vault", "url": "https://10.71.0.12:8200", "answers": True},
        {"name": "kubernetes", "url": "https://10.71.0.10:6443", "answers": False},
    ],
    "kubeconfig": "/kubeconfig",
    "sandboxes": [
        {
            "name": "demo",
            "namespace": "sandbox-demo",
            "classification": "internal",
            "principal": "demo-auditor",
            "deployed": True,
        }
    ],
    "not_applied": {
        "vault/disk_encryption": "no dm_crypt",
        "worker/disk_encryption": "no dm_crypt",
        "worker/wireguard": "no WireGuard",
    },
}
STEP = ResourceEvent("started", "update", "urn:x::lab", "ailab:vault:Policy", ("rules",))
RESULT = Result(Operation.UP, 10.0, {"create": 2, "same": 1}, (), (STEP,))


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Nothing below the command line is real here."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LAB_STACK", raising=False)
    found = Leftovers((1,), (), (), ("lab-local",), ())
    report = lifecycle.UpReport(RESULT, 12.0, {"checks": 1.0}, ("a warning",))
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS)
    monkeypatch.setattr(lifecycle, "up", lambda *_, **__: report)
    monkeypatch.setattr(lifecycle, "preview", lambda *_, **__: RESULT)
    monkeypatch.setattr(lifecycle, "prepare", lambda *_: [])
    monkeypatch.setattr(lifecycle, "require_up", lambda _: None)
    monkeypatch.setattr(
        lifecycle, "destroy", lambda *_, **__: lifecycle.DestroyReport(found, None, 3.0)
    )
    return Home("local")


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "hoisted"),
    [
        (["--yes", "test"], ["test", "--yes"]),
        (["-y", "--stack", "x", "up"], ["up", "-y", "--stack", "x"]),
        (["--stack=x", "machines", "list"], ["machines", "list", "--stack=x"]),
        (["up", "--yes"], ["up", "--yes"]),
        (["--yes"], ["--yes"]),
        ([], []),
        (["--help"], ["--help"]),
    ],
)
def test_shared_options_may_stand_first(words: list[str], hoisted: list[str]) -> None:
    assert main.hoist(words) == hoisted


COMMANDS = ["init", "up", "preview", "destroy", "status", "verify", "env", "kubeconfig", "doctor"]
COMMANDS += ["bench up", "test", "machines list", "machines reboot", "machines ssh-command"]
COMMANDS += ["machines console-log", "toolchain"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_one_page_of_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*command.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert len(page.splitlines()) <= 60
    assert "--help" in page
    if command != "toolchain":
        assert f"./lab {command}" in page


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    main.run([])
    assert "Commands" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["nosuch"], ["up", "--nosuch"], ["machines", "nosuch"]])
def test_a_wrong_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(words) == 2
    assert "LAB-103" in capsys.readouterr().err


def test_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["up", "--yes"]) == 0
    shown = capsys.readouterr().out
    for text in ("worker", "10.71.0.11", "1024 MiB", "sandbox-demo", "./lab verify"):
        assert text in shown
    assert "  disk_encryption (vault, worker): no dm_crypt\n" in shown
    assert "  wireguard (worker): no WireGuard\n" in shown


def test_up_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["up", "--json"]) == 0
    found = document(capsys)
    assert found["changes"] == {"create": 2, "same": 1}
    assert found["status"] == STATUS


def test_preview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["preview"]) == 0
    shown = capsys.readouterr().out
    assert "update" in shown
    assert "(rules)" in shown
    assert "2 changes" in shown
    assert main.run(["preview", "--json"]) == 0
    assert document(capsys)["steps"][0]["properties"] == ["rules"]


def test_destroy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["destroy", "--yes"]) == 0
    assert "gone" in capsys.readouterr().out
    assert main.run(["destroy", "--dry-run"]) == 0
    assert "lab-local" in capsys.readouterr().out
    assert main.run(["--json", "destroy", "--yes"]) == 0
    assert document(capsys)["found"]["links"] == ["lab-local"]


def test_destroy_of_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lifecycle.DestroyReport(Leftovers((), (), (), (), ()), None, 0.1)
    monkeypatch.setattr(lifecycle, "destroy", lambda *_, **__: nothing)
    assert main.run(["destroy", "--yes"]) == 0
    assert "no such lab" in capsys.readouterr().out


def test_destroy_asks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "destroy", lambda *_, **__: pytest.fail("destroyed"))
    assert main.run(["destroy"]) == ExitCode.BAD_INPUT
    assert "LAB-210" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    assert main.run(["destroy"]) == ExitCode.BAD_INPUT


def test_a_yes_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    assert main.run(["destroy"]) == 0


def test_status(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main.run(["status", "--json"]) == 0
    assert document(capsys) == STATUS
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS | {"machines": []})
    assert main.run(["status"]) == 0
    assert "not up" in capsys.readouterr().out


def test_a_lab_without_sandboxes_and_another_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = STATUS | {"sandboxes": [], "not_applied": {}, "stack": "other"}
    monkeypatch.setattr(lifecycle, "status", lambda _: other)
    assert main.run(["up"]) == 0
    shown = capsys.readouterr().out
    assert "Sandboxes" not in shown
    assert "./lab verify --stack other" in shown


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("failed", 1)])
def test_verify(
    outcome: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report((Check("audit", "vault", outcome, "" if code == 0 else "it is off"),))
    asked: list[Any] = []

    def run(*_: object, **more: object) -> Report:
        asked.append(more)
        return report

    monkeypatch.setattr(verify, "run", run)
    assert main.run(["verify", "--only", "vault", "--junit", "x.xml"]) == code
    shown = capsys.readouterr().out
    assert f"1 {outcome}" in shown
    assert ("vault/audit: it is off" in shown) is (code == 1)
    assert asked == [{"only": ["vault"], "junit": Path("x.xml")}]
    assert main.run(["verify", "--json"]) == code
    found = document(capsys)
    assert found[outcome] == 1
    assert found["checks"][0]["id"] == "audit"


def test_env(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "environment", lambda _: {"A": "with space", "B": "$x"})
    assert main.run(["env"]) == 0
    assert capsys.readouterr().out == "export A='with space'\nexport B='$x'\n"
    assert main.run(["env", "--json"]) == 0
    assert document(capsys) == {"A": "with space", "B": "$x"}


def test_kubeconfig(capsys: pytest.CaptureFixture[str], world: Home) -> None:
    assert main.run(["kubeconfig"]) == ExitCode.FAILED
    assert "LAB-802" in capsys.readouterr().err
    world.root.mkdir(parents=True)
    world.kubeconfig.write_text("")
    assert main.run(["kubeconfig"]) == 0
    assert capsys.readouterr().out == f"{world.kubeconfig}\n"
    assert main.run(["kubeconfig", "--json"]) == 0
    assert document(capsys) == {"kubeconfig": str(world.kubeconfig)}


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [
        preflight.Finding("a", "fine"),
        preflight.Finding("b", "odd", advice="turn it"),
    ]
    monkeypatch.setattr(preflight, "examine", lambda _: findings)
    assert main.run(["doctor"]) == 0
    assert "turn it" in capsys.readouterr().out
    error = NotRoot("not root [here].", next_step="be root")
    findings.append(preflight.Finding("c", error.message, error=error))
    assert main.run(["doctor"]) == ExitCode.HOST_UNFIT
    assert "not root [here]." in capsys.readouterr().out
    assert main.run(["doctor", "--json"]) == ExitCode.HOST_UNFIT
    found = document(capsys)
    assert found["fit"] is False
    assert [entry["outcome"] for entry in found["findings"]] == ["ok", "warning", "fault"]


def test_bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [benchmark.Run(100, 10, 20, 2**31, {"machines": 3})]
    monkeypatch.setattr(benchmark, "measure", lambda *_: runs)
    assert main.run(["bench", "up"]) == ExitCode.BAD_INPUT  # a lab is up and nobody agreed
    capsys.readouterr()
    assert main.run(["bench", "up", "--yes"]) == 0
    assert "| up | 100.0 s" in capsys.readouterr().out
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS | {"machines": []})
    assert main.run(["bench", "up", "--json"]) == 0
    assert document(capsys)["noop"] == 10


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 1)])
def test_test(
    failed: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = suite.Totals()
    totals.add("unit", 5, failed, 0)
    asked: list[dict[str, bool]] = []

    def run(_: suite.Suite, **more: bool) -> suite.Totals:
        asked.append(more)
        return totals

    monkeypatch.setattr(suite.Suite, "run", run)
    assert main.run(["--yes", "test"]) == code
    assert "5 passed" in capsys.readouterr().out.splitlines()[-1]
    main.run(["test", "--unit-only"])
    main.run(["test", "--live-only"])
    assert asked == [
        {"offline": True, "live": True},
        {"offline": True, "live": False},
        {"offline": False, "live": True},
    ]
    assert main.run(["test", "--live-only", "--faults"]) == code
    assert main.run(["test", "--live-only", "--unit-only"]) == ExitCode.BAD_INPUT


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two machines; returns the names of those that were rebooted."""
    rebooted: list[str] = []
    args = [
        MachineArgs("local", name, "worker", IPv4Address(address), IPv4Network("10.71.0.0/24"))
        for name, address in (("worker", "10.71.0.11"), ("vault", "10.71.0.12"))
    ]
    states = [MachineState(one, "x", running=True) for one in args]
    monkeypatch.setattr(machine, "list_machines", lambda _: states)
    monkeypatch.setattr(machine, "reboot", lambda one: rebooted.append(one.name))
    return rebooted


def test_machines_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["machines", "list"]) == 0
    assert "10.71.0.11" in capsys.readouterr().out
    assert main.run(["--json", "machines", "list"]) == 0
    assert document(capsys) == STATUS["machines"]


def test_machines_reboot(machines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["machines", "reboot", "vault"]) == ExitCode.BAD_INPUT
    assert machines == []
    assert main.run(["machines", "reboot", "vault", "--yes"]) == 0
    assert machines == ["vault"]
    capsys.readouterr()
    assert main.run(["machines", "reboot", "--yes", "--json"]) == 0
    assert document(capsys) == {"rebooted": ["worker", "vault"]}


def test_machines_ssh_command(machines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["machines", "ssh-command", "worker"]) == 0
    words = shlex.split(capsys.readouterr().out)
    assert words[0] == "ssh"
    assert words[-1] == "root@10.71.0.11"
    assert "StrictHostKeyChecking=yes" in words
    assert main.run(["machines", "ssh-command", "worker", "--json"]) == 0
    assert document(capsys)["command"] == words


def test_machines_console_log(
    machines: list[str], world: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    console = world.machines / "local-vault" / "console.log"
    console.parent.mkdir(parents=True)
    console.write_bytes(b"Welcome\xff\n")
    assert main.run(["machines", "console-log", "vault"]) == 0
    assert capsys.readouterr().out.startswith("Welcome")


def test_machines_that_are_not_there(
    machines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.run(["machines", "console-log", "nosuch"]) == ExitCode.BAD_INPUT
    assert "worker, vault" in capsys.readouterr().err
    monkeypatch.setattr(machine, "list_machines", lambda _: [])
    assert main.run(["machines", "console-log", "vault"]) == ExitCode.FAILED


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lifecycle, "up", fail)


def test_an_error_is_one_line_and_a_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, OperationStopped("it [stopped].", next_step="again."))
    assert main.run(["up"]) == ExitCode.PARTLY_DONE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "LAB-707 it [stopped].\n  Next: again.\n"
    assert main.run(["up", "--json"]) == ExitCode.PARTLY_DONE
    assert document(capsys)["error"]["code"] == "LAB-707"


def test_the_traceback_is_for_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, NotRoot("no.", next_step="sudo"))
    monkeypatch.setenv("LAB_DEBUG", "1")
    assert main.run(["up"]) == ExitCode.HOST_UNFIT
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_interruption(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, error)
    assert main.run(["up"]) == ExitCode.INTERRUPTED


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(signal, "signal", lambda number, _: taken.append(number))
    with pytest.raises(SystemExit) as caught:
        main.main(["nosuch"])
    assert caught.value.code == 2
    assert taken == [signal.SIGTERM]


def test_codes_are_unique_and_grouped() -> None:
    codes = [error.code for error in tree()]
    assert len(codes) == len(set(codes))
    assert all(code[:4] == "LAB-" and code[4:].isdigit() for code in codes)


@pytest.mark.parametrize("error", tree())
def test_every_error_has_an_exit_status(error: type[LabError]) -> None:
    assert exit_code(error("x", next_step="y")) in set(ExitCode) - {ExitCode.OK}


def test_the_reference_pages_are_current(tmp_path: Path) -> None:
    reference.write(tmp_path)
    for page in tmp_path.iterdir():
        current = REPOSITORY / "docs" / "reference" / page.name
        assert current.read_text() == page.read_text(), "run: python -m infra.cli.reference"
