"""`ailab:hosts:Machine` against machines that are only remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra import paths
from infra.hosts import machine
from infra.plugins.values import UNKNOWN
from infra.provider.machine import MachineResource


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return {
        "lab": "t",
        "name": "worker",
        "role": "worker",
        "address": "10.71.0.11",
        "network": "10.71.0.0/24",
        "home": str(paths.Home("t").root),
    }


class Host:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machines: dict[str, machine.MachineState] = {}
        self.made = 0
        for name in ("create", "read", "start", "delete"):
            monkeypatch.setattr(machine, name, getattr(self, name))

    def create(self, args: machine.MachineArgs, *, timeout: float) -> machine.MachineState:
        self.made += 1
        state = machine.MachineState(args, f"instance-{self.made}", running=True)
        self.machines[args.hostname] = state
        return state

    def read(self, args: machine.MachineArgs) -> machine.MachineState | None:
        return self.machines.get(args.hostname)

    def start(self, args: machine.MachineArgs, *, timeout: float) -> machine.MachineState:
        old = self.machines[args.hostname]
        self.machines[args.hostname] = machine.MachineState(args, old.instance, running=True)
        return self.machines[args.hostname]

    def delete(self, args: machine.MachineArgs) -> None:
        self.machines.pop(args.hostname, None)

    def crash(self) -> None:
        for name, state in self.machines.items():
            self.machines[name] = machine.MachineState(state.args, state.instance, running=False)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def test_life(inputs: dict[str, Any], host: Host) -> None:
    resource = MachineResource()
    checked = resource.check({}, inputs)
    assert checked.failures == []
    news = checked.inputs
    assert resource.preview(news)["instance"] is UNKNOWN
    made = resource.create(news, timeout=1)
    assert made.id == "t-worker"
    assert made.outputs["instance"] == "instance-1"
    assert made.outputs["sshKey"] == str(paths.Home("t").ssh_key)
    assert not resource.diff(made.id, news, made.outputs, news).changes
    read = resource.read(made.id, news, made.outputs)
    assert read is not None
    assert read.outputs == made.outputs
    resource.delete(made.id, news, made.outputs, timeout=1)
    assert resource.read(made.id, news, made.outputs) is None


def test_a_dead_machine_is_booted_again_not_replaced(inputs: dict[str, Any], host: Host) -> None:
    resource = MachineResource()
    news = resource.check({}, inputs).inputs
    made = resource.create(news, timeout=1)
    host.crash()
    diff = resource.diff(made.id, news, made.outputs, news)
    assert diff.changes == {"running": "update"}
    assert not diff.replaces
    after = resource.update(made.id, news, made.outputs, news, timeout=1)
    assert after == made.outputs


def test_a_machine_whose_files_are_gone_is_replaced(inputs: dict[str, Any], host: Host) -> None:
    resource = MachineResource()
    news = resource.check({}, inputs).inputs
    made = resource.create(news, timeout=1)
    host.machines.clear()
    diff = resource.diff(made.id, news, made.outputs, news)
    assert diff.replaces == {"instance"}
    assert diff.delete_before_replace


@pytest.mark.parametrize(("name", "replaced"), [("address", True), ("role", False)])
def test_what_replaces(inputs: dict[str, Any], host: Host, name: str, replaced: bool) -> None:
    resource = MachineResource()
    olds = resource.check({}, inputs).inputs
    made = resource.create(olds, timeout=1)
    news = {**olds, name: {"address": "10.71.0.99", "role": "vault"}[name]}
    assert bool(resource.diff(made.id, olds, made.outputs, news).replaces) is replaced


@pytest.mark.parametrize(
    ("change", "property_"),
    [
        ({"address": "10.72.0.1"}, "address"),
        ({"address": "nowhere"}, "address"),
        ({"network": "10.71.0.0/99"}, "network"),
        ({"role": "toaster"}, "role"),
        ({"home": "/elsewhere"}, "home"),
    ],
)
def test_each_wrong_input_is_named(
    inputs: dict[str, Any], change: dict[str, str], property_: str
) -> None:
    failures = MachineResource().check({}, {**inputs, **change}).failures
    assert [failure.property for failure in failures] == [property_]


def test_a_missing_input_is_named_and_an_unknown_one_waits(inputs: dict[str, Any]) -> None:
    del inputs["lab"]
    assert [f.property for f in MachineResource().check({}, inputs).failures] == ["lab"]
    inputs |= {"lab": "t", "address": UNKNOWN}
    assert MachineResource().check({}, inputs).failures == []
