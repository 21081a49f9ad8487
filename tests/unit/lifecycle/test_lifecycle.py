from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from infra import config, lifecycle, preflight, toolchain
from infra.config import OnPremLab, RegistrySpec
from infra.engine import Operation, Result, recovery
from infra.engine.events import Diagnostic, Event, Violation
from infra.errors import LabNotUp, LeftoversRemain, NotRoot, PolicyViolated, PulumiFailed
from infra.hosts import base_image, cgroups, cleanup, commands, machine
from infra.hosts.cleanup import Leftovers
from infra.hosts.machine import MachineArgs, MachineState
from infra.paths import Home
from tests.harness.onprem_lab import document

NOTHING = Leftovers((), (), (), (), ())
SOME = Leftovers((11, 12), ("/m",), ("/c",), ("lab-local",), ("/home",))


@dataclass
class Recorder:
    lines: list[str] = field(default_factory=list)

    def step(self, title: str) -> None:
        self.lines.append(title)

    def note(self, text: str) -> None:
        self.lines.append(f"note: {text}")

    def event(self, event: Event) -> None:
        assert isinstance(event, Violation)
        self.lines.append(event.rule)

    def begin(self, name: str, action: str, log: Path) -> None:
        raise AssertionError(name)

    def line(self, name: str, text: str) -> None:
        raise AssertionError(name)

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        raise AssertionError(name)


@dataclass
class FakeStack:
    """Stands for `infra.engine.Stack`; remembers what it was asked."""

    home: Home
    name: str = "local"
    fails: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def ensure(self) -> None:
        self.asked.append(("ensure",))

    def recover(self) -> list[str]:
        return ["ended 2 processes"]

    def run(self, operation: Operation, *options: str) -> Result:
        self.asked.append((operation.value, *options))
        if self.fails:
            raise PulumiFailed("the API does not answer.", next_step="look.")
        return Result(operation, 1.0, {"create": 2}, (), ())


def state(name: str, *, running: bool = True, last: int = 10) -> MachineState:
    args = MachineArgs(
        "local", name, "worker", IPv4Address(f"10.71.0.{last}"), IPv4Network("10.71.0.0/24")
    )
    return MachineState(args, "one", running)


def deployed(home: Home, *resources: dict[str, Any]) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": list(resources)}}}))


def machine_resource(name: str) -> dict[str, Any]:
    return {"type": "ailab:hosts:Machine", "urn": f"urn:{name}", "outputs": {"name": name}}


@pytest.fixture
def stack(home: Home, monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    fake = FakeStack(home)
    monkeypatch.setattr(lifecycle, "Stack", lambda *_, **__: fake)
    monkeypatch.setattr(preflight, "require", lambda _: [preflight.Finding("x", "y", advice="z")])
    monkeypatch.setattr(toolchain, "ensure", lambda **_: None, raising=False)
    monkeypatch.setattr(lifecycle, "link_programs", lambda _: None)
    monkeypatch.setattr(lifecycle, "stand_in_notice", lambda _: "stand-ins are used")
    monkeypatch.setattr(base_image, "ensure", lambda _: Path("/"))
    monkeypatch.setattr(cleanup, "find", lambda _: SOME)
    monkeypatch.setattr(cleanup, "sweep", lambda _: NOTHING)
    monkeypatch.setattr(machine, "list_machines", lambda _: [])
    monkeypatch.setattr(cgroups, "memory_bytes", lambda _: 2**20)
    return fake


def test_up(stack: FakeStack) -> None:
    show = Recorder()
    report = lifecycle.up("local", show)
    assert stack.asked == [("ensure",), ("preview",), ("up", "--refresh")]
    assert report.result.changed == 2
    assert report.warnings == ("z",)
    assert {"checks", "tools and images", "base image", "recovery"} <= set(report.phases)
    assert {"note: ended 2 processes", "note: stand-ins are used"} <= set(show.lines)


def test_nothing_is_deployed_that_policies_refuse(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(operation: Operation, *_: str) -> Result:
        stack.asked.append((operation.value,))
        raise PolicyViolated("no-host-access at root: no", next_step="read.")

    monkeypatch.setattr(stack, "run", refuse)
    with pytest.raises(PolicyViolated):
        lifecycle.up("local", Recorder())
    assert stack.asked == [("ensure",), ("preview",)]


def test_advice_is_said_once() -> None:
    show = Recorder()
    for level in ("advisory", "mandatory"):
        event = Violation("limits-set", level, "medium", "no limits", "urn::pod")
        lifecycle._while_checking(event, show)
        lifecycle._while_deploying(event, show)
    lifecycle._while_checking(Diagnostic("warning", "said later"), show)
    assert show.lines == ["limits-set"] * 3, "what is advice is said once, what refuses always"


def test_images_are_pushed_where_there_is_a_registry(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = config.load_local("local")
    pushed: list[str] = []
    monkeypatch.setattr(toolchain, "push", lambda address, **_: pushed.append(address))
    lifecycle.up("local", Recorder())
    assert pushed == [], "without one they are side-loaded"
    with_registry = lab.model_copy(update={"registry": RegistrySpec(address="r.example:5000/lab")})
    monkeypatch.setattr(config, "load", lambda _: with_registry)
    report = lifecycle.up("local", Recorder())
    assert pushed == ["r.example:5000/lab"]
    assert "push" in report.phases


@pytest.mark.parametrize(
    ("running", "refresh", "asked"),
    [
        ({"worker": True}, True, ("up", "--refresh")),
        ({"worker": True}, False, ("up",)),
        ({"worker": False}, True, ("up",)),
        ({}, True, ("up",)),
    ],
)
def test_nobody_is_asked_while_machines_are_down(
    running: dict[str, bool],
    refresh: bool,
    asked: tuple[str, ...],
    stack: FakeStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    present = [state(name, running=up) for name, up in running.items()]
    monkeypatch.setattr(machine, "list_machines", lambda _: present)
    deployed(stack.home, machine_resource("worker"))
    lifecycle.up("local", Recorder(), refresh=refresh)
    assert stack.asked[-1] == asked


def test_destroy(stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "list_machines", lambda _: [state("worker")])
    deployed(home, machine_resource("worker"))
    report = lifecycle.destroy("local", Recorder())
    assert stack.asked == [("destroy",)]
    assert not report.left


def test_destroy_goes_on_when_pulumi_cannot(
    stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.fails = True
    monkeypatch.setattr(machine, "list_machines", lambda _: [state("worker")])
    deployed(home, machine_resource("worker"))
    show = Recorder()
    lifecycle.destroy("local", show)
    assert any("LAB-701" in line for line in show.lines)


def test_destroy_of_a_lab_that_is_down_asks_nobody(
    stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "list_machines", lambda _: [state("worker", running=False)])
    deployed(home, machine_resource("worker"))
    lifecycle.destroy("local", Recorder())
    assert stack.asked == []


def test_destroy_without_state(stack: FakeStack) -> None:
    lifecycle.destroy("local", Recorder())
    assert stack.asked == []


def test_destroy_with_a_damaged_state(
    stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"checkpoint": {"la')
    show = Recorder()
    report = lifecycle.destroy("local", show)
    assert not report.left
    assert stack.asked == []
    assert any("LAB-709" in line for line in show.lines)


def test_destroy_of_nothing(stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "find", lambda _: NOTHING)
    report = lifecycle.destroy("local", Recorder())
    assert not report.found
    assert not home.root.exists()


def test_a_dry_run_touches_nothing(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "sweep", lambda _: pytest.fail("swept"))
    report = lifecycle.destroy("local", Recorder(), dry_run=True)
    assert lifecycle.describe(report.found) == [
        "2 processes",
        "mounts: /m",
        "cgroups: /c",
        "links: lab-local",
        "files: /home",
    ]


def test_leftovers_are_named(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "sweep", lambda _: SOME)
    with pytest.raises(LeftoversRemain, match="lab-local"):
        lifecycle.destroy("local", Recorder())


@pytest.mark.parametrize("command", [lifecycle.up, lifecycle.destroy])
def test_only_root(command: Any, stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NotRoot):
        command("local", Recorder())


def test_status(stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "list_machines", lambda _: [state("worker")])
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: socket.socket())
    deployed(
        home,
        machine_resource("worker"),
        {
            "type": "kubernetes:core/v1:Namespace",
            "outputs": {"metadata": {"name": "sandbox-demo"}},
        },
        {"type": "ailab:ansible:Playbook", "outputs": {"notApplied": {"worker/luks": "no dm"}}},
        {"type": "ailab:ansible:Playbook"},
    )
    document = lifecycle.status("local")
    assert document["up"] is True
    (worker,) = document["machines"]
    assert worker["address"] == "10.71.0.10"
    assert worker["state"] == "running"
    assert worker["ssh_key"] == str(home.ssh_key)
    assert document["sandboxes"][0]["deployed"] is True
    assert document["not_applied"] == {"worker/luks": "no dm"}
    assert all(endpoint["answers"] for endpoint in document["endpoints"])
    lifecycle.require_up("local")


def test_status_of_nothing(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "create_connection", refuse)
    document = lifecycle.status("local")
    assert document["up"] is False
    assert document["machines"] == []
    assert document["sandboxes"][0]["deployed"] is False
    assert not any(endpoint["answers"] for endpoint in document["endpoints"])
    assert lifecycle.is_up("local") is False
    with pytest.raises(LabNotUp):
        lifecycle.require_up("local")


def site_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack `local` describes given machines instead."""
    lab = OnPremLab.model_validate(document())
    monkeypatch.setattr(config, "load", lambda _: lab)


def test_a_lab_on_given_machines_asks_nothing_of_this_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    site_stack(monkeypatch)
    for module, name in ((preflight, "root"), (preflight, "require"), (base_image, "ensure")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("this host was examined"))
    monkeypatch.setattr(toolchain, "ensure", lambda **_: None)
    driver = FakeStack(Home("site"))
    monkeypatch.setattr(lifecycle, "Stack", lambda *_, **__: driver)
    monkeypatch.setattr(lifecycle, "link_programs", lambda _: None)
    monkeypatch.setattr(lifecycle, "stand_in_notice", lambda _: None)
    report = lifecycle.up("local", Recorder())
    assert driver.asked == [("ensure",), ("preview",), ("up", "--refresh")]
    assert set(report.phases) == {"tools and images", "recovery", "policies"}


def test_the_status_of_given_machines_is_what_can_be_seen_from_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    site_stack(monkeypatch)
    assert not lifecycle.is_up("local")
    exported = {
        "machines": [
            {"name": "a", "hostname": "site-a", "role": "worker", "address": "10.71.0.21"},
            {"name": "b", "hostname": "site-b", "role": "vault", "address": "10.71.0.31"},
        ],
        "endpoints": {"vault": "https://10.71.0.6:8200"},
    }
    deployed(Home("site"), {"type": "pulumi:pulumi:Stack", "urn": "u", "outputs": exported})
    monkeypatch.setattr(lifecycle, "_answers", lambda url: "10.71.0.31" not in url)
    found = lifecycle.status("local")
    assert found["up"]
    assert [one["state"] for one in found["machines"]] == ["reachable", "unreachable"]
    assert found["endpoints"] == [
        {"name": "vault", "url": "https://10.71.0.6:8200", "answers": True}
    ]


@pytest.mark.parametrize(("sealed", "kept"), [(True, True), (False, True), (True, False)])
def test_up_opens_a_vault_that_somebody_sealed(
    *, sealed: bool, kept: bool, stack: FakeStack, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(lifecycle, "is_sealed", lambda *_: sealed)
    monkeypatch.setattr(commands, "run", lambda words: ran.append(" ".join(words[-3:])))
    if kept:
        for file in (home.vault_keys, home.ca_certificate):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
    lifecycle.up("local", Recorder())
    assert ran == (["systemctl start vault-unseal"] if sealed and kept else [])
