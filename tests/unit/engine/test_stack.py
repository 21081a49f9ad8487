from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from infra import config, paths
from infra.engine import Operation, ResourceEvent, Stack, recovery
from infra.engine.events import Event
from infra.errors import Interrupted, OperationStopped, PolicyViolated, PulumiFailed
from infra.paths import Home
from tests.unit.engine.conftest import FakePulumi


def step(key: str, op: str, type_: str, name: str) -> dict[str, Any]:
    urn = f"urn:pulumi:local::ai-lab::{type_}::{name}"
    return {key: {"metadata": {"op": op, "urn": urn, "type": type_}}}


MADE = [
    step("resourcePreEvent", "create", "ailab:hosts:Machine", "worker"),
    step("resOutputsEvent", "create", "ailab:hosts:Machine", "worker"),
]


def summary(**changes: int) -> dict[str, Any]:
    return {"summaryEvent": {"resourceChanges": changes, "result": "succeeded"}}


def diagnostic(message: str, name: str = "vault") -> dict[str, Any]:
    urn = f"urn:pulumi:local::ai-lab::ailab:ansible:Playbook::{name}"
    return {"diagnosticEvent": {"message": message, "severity": "error", "urn": urn}}


def checkpoint(home: Home, **latest: Any) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stack's configuration file, where a test may write to it."""
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(config.stack_file("local").read_text())
    monkeypatch.setattr(config, "stack_file", lambda _: file)
    return file


@pytest.fixture
def stack(fake_pulumi: FakePulumi, home: Home, tracked: Path) -> Stack:
    made = Stack("local")
    made.ensure()
    checkpoint(home)
    return made


def test_a_new_stack_is_made_outside_the_checkout(stack: Stack, fake_pulumi: FakePulumi) -> None:
    assert fake_pulumi.calls == [["stack", "init", "local", "--non-interactive"]]
    assert not Path(fake_pulumi.folders[0]).is_relative_to(paths.REPOSITORY)
    assert stack.home.passphrase.is_file()
    stack.ensure()
    assert len(fake_pulumi.calls) == 1


def test_up(stack: Stack, fake_pulumi: FakePulumi) -> None:
    seen: list[Event] = []
    stack.on_event = seen.append
    fake_pulumi.play(up={"events": [*MADE, summary(create=1, same=3)], "output": "fine"})
    result = stack.run(Operation.UP)
    assert result.changed == 1
    assert [phase.name for phase in result.phases] == ["machines"]
    assert [step.name for step in result.steps] == ["worker"]
    assert sum(isinstance(event, ResourceEvent) for event in seen) == 2
    arguments = fake_pulumi.calls[-1]
    assert arguments[0] == "up"
    assert {"--yes", "--skip-preview", "--non-interactive"} <= set(arguments)
    assert fake_pulumi.folders[-1] == str(paths.REPOSITORY)
    log = stack.home.logs / "up.log"
    assert "fine" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_preview_changes_nothing_and_says_so_to_pulumi(
    stack: Stack, fake_pulumi: FakePulumi
) -> None:
    stack.run(Operation.PREVIEW, "--refresh")
    arguments = fake_pulumi.calls[-1]
    assert "--yes" not in arguments
    assert "--refresh" in arguments


def test_the_salt_goes_to_a_copy(stack: Stack, fake_pulumi: FakePulumi, tracked: Path) -> None:
    before = tracked.read_text()
    tracked.write_text(before + "encryptionsalt: v1:of-a-lab-long-gone\n")
    stack.run(Operation.UP)
    arguments = fake_pulumi.calls[-1]
    copy = Path(arguments[arguments.index("--config-file") + 1])
    assert copy.is_relative_to(stack.home.root)
    assert copy.read_text() == before
    assert tracked.read_text() == before


def test_an_error_of_ours_comes_through(stack: Stack, fake_pulumi: FakePulumi) -> None:
    inner = "LAB-501 vault: task unseal failed on local-vault. Next: read its log."
    fake_pulumi.play(
        up={
            "events": [*MADE, diagnostic(f"<{{%reset%}}>error: {inner}\nstack"), summary()],
            "code": 255,
        }
    )
    with pytest.raises(OperationStopped) as caught:
        stack.run(Operation.UP)
    assert "at vault" in caught.value.message
    assert "LAB-501 vault: task unseal failed" in caught.value.message
    assert caught.value.next_step.startswith("read its log.")
    assert "./lab up" in caught.value.next_step


def test_a_failure_before_any_change(stack: Stack, fake_pulumi: FakePulumi) -> None:
    fake_pulumi.play(up={"events": [diagnostic("no such type")], "code": 255})
    with pytest.raises(PulumiFailed, match="no such type") as caught:
        stack.run(Operation.UP)
    assert not isinstance(caught.value, OperationStopped)
    assert "up.log" in caught.value.next_step


def violation(level: str, rule: str = "no-host-access") -> dict[str, Any]:
    urn = "urn:pulumi:local::ai-lab::kubernetes:core/v1:Pod::root"
    body = {"policyName": rule, "enforcementLevel": level, "resourceUrn": urn, "message": "no"}
    return {"policyEvent": body}


def test_a_mandatory_rule_is_the_cause(stack: Stack, fake_pulumi: FakePulumi) -> None:
    said = [violation("advisory", "limits-set"), violation("mandatory")]
    fake_pulumi.play(preview={"events": [*said, diagnostic("preview failed")], "code": 255})
    with pytest.raises(PolicyViolated, match="no-host-access at root: no") as caught:
        stack.run(Operation.PREVIEW)
    assert "limits-set" not in caught.value.message
    assert [one.rule for one in caught.value.violations] == ["limits-set", "no-host-access"]
    assert "lab policies explain no-host-access" in caught.value.next_step


def test_advice_is_no_cause(stack: Stack, fake_pulumi: FakePulumi) -> None:
    events = [violation("advisory"), diagnostic("no such type")]
    fake_pulumi.play(preview={"events": events, "code": 255})
    with pytest.raises(PulumiFailed, match="no such type"):
        stack.run(Operation.PREVIEW)


@pytest.mark.parametrize("operation", list(Operation))
def test_what_deploys_goes_through_the_policies(
    operation: Operation, stack: Stack, fake_pulumi: FakePulumi
) -> None:
    stack.run(operation)
    words = fake_pulumi.calls[-1]
    assert ("--policy-pack" in words) == (operation in (Operation.UP, Operation.PREVIEW))


def test_a_failure_without_events(stack: Stack, fake_pulumi: FakePulumi) -> None:
    fake_pulumi.play(destroy={"output": "error: no language plugin", "code": 1})
    with pytest.raises(PulumiFailed, match="no language plugin"):
        stack.run(Operation.DESTROY)


def test_a_failure_that_says_nothing(stack: Stack, fake_pulumi: FakePulumi) -> None:
    fake_pulumi.play(preview={"code": 1})
    with pytest.raises(PulumiFailed, match="no message"):
        stack.run(Operation.PREVIEW)


def test_ctrl_c_stops_in_order(stack: Stack, fake_pulumi: FakePulumi) -> None:
    fake_pulumi.play(up={"events": MADE, "wait": True, "code": 255})
    seen: list[Event] = []
    stack.on_event = seen.append
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(Interrupted, match="1 changes are kept"):
        stack.run(Operation.UP)
    timer.join()
    assert time.monotonic() - begin < 10
    assert any("Ctrl-C again" in getattr(event, "message", "") for event in seen)


def test_nothing_to_recover(stack: Stack) -> None:
    assert stack.recover() == []


def test_recovery_after_a_kill(stack: Stack, fake_pulumi: FakePulumi, home: Home) -> None:
    checkpoint(home, pending_operations=[{"resource": {"urn": "urn:x"}, "type": "creating"}])
    folder = home.state / ".pulumi/locks/organization/ai-lab/local"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text("{")
    exported = json.dumps({"version": 3, "deployment": {"pending_operations": [1]}})
    fake_pulumi.play(stack_export={"output": exported})
    done = stack.recover()
    assert len(done) == 2
    assert fake_pulumi.calls[-2][:2] == ["stack", "export"]
    assert fake_pulumi.calls[-1][:2] == ["stack", "import"]


def test_leftover_processes_end_first(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "end_leftovers", lambda _: 2)
    assert stack.recover() == ["ended 2 processes of an operation that was killed"]


def test_a_command_that_fails_is_named(stack: Stack, fake_pulumi: FakePulumi) -> None:
    fake_pulumi.play(stack_rm={"output": "cannot", "code": 1})
    with pytest.raises(PulumiFailed, match=r"stack rm.*cannot"):
        stack.remove()
