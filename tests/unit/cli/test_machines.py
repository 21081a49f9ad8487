from __future__ import annotations

import shlex
from ipaddress import IPv4Address, IPv4Network

import pytest

from infra.cli import main
from infra.cli.exit_codes import ExitCode
from infra.hosts import machine
from infra.hosts.machine import MachineArgs, MachineState
from infra.paths import Home
from tests.unit.cli.conftest import STATUS, document

pytestmark = pytest.mark.usefixtures("world")


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
    assert main.run(["machines", "console-log", "vault"]) == 0
    assert capsys.readouterr().out == ""  # it has not booted yet
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
