from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra import config, preview
from infra.engine.environment import operation_environment
from infra.engine.plan import NOT_KNOWN, read_plan
from infra.engine.stack import Operation, Stack
from infra.engine.target import Target
from infra.errors import ConfigError, PreviewOnly, PulumiFailed
from infra.paths import REPOSITORY, Home
from tests.unit.engine.conftest import FakePulumi, fake_pulumi, home

__all__ = ["fake_pulumi", "home"]

EXAMPLE = REPOSITORY / "examples" / "valid" / "local.yaml"
AWS = REPOSITORY / "examples" / "valid" / "aws-least.yaml"
URN = "urn:pulumi:s::ai-lab::"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass
class Recorder:
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def event(self, event: object) -> None:
        """Only messages of Pulumi come here."""


def state(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"{URN}{kind}::{name}", "type": kind.rpartition("$")[2], "custom": True, **more}


def step(operation: str, new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> Any:
    found = {"op": operation, "urn": (new or old or {})["urn"], "detailedDiff": None}
    return found | ({"newState": new} if new else {}) | ({"oldState": old} if old else {})


ROOT = state("pulumi:pulumi:Stack", "ai-lab-s")
KEY = state(
    "lab:Keys$aws:kms/key:Key",
    "logs",
    parent=f"{URN}lab:Keys::keys",
    protect=True,
    retainOnDelete=True,
    provider=f"{URN}pulumi:providers:aws::aws::{UNKNOWN}",
    dependencies=[f"{URN}lab:Other::b", f"{URN}lab:Other::a"],
    inputs={"policy": UNKNOWN, "tags": {"a": "b"}, "__defaults": []},
)
DOCUMENT = {
    "steps": [
        step("create", ROOT),
        step("create", state("lab:Keys", "keys", custom=False, parent=ROOT["urn"])),
        step("create", KEY),
        step("update", state("lab:New", "moved"), state("lab:Old", "moved")),
        step("delete", None, state("lab:Other", "gone")),
        step("same", state("lab:Other", "kept")),
    ]
}
OUTPUT = f"warning: using a plugin from $PATH\n{json.dumps(DOCUMENT, indent=4)}\n"


@pytest.fixture
def played(fake_pulumi: FakePulumi) -> FakePulumi:
    answered = {"id": "k-1", "outputs": {"arn": "arn:aws:kms"}}
    answer = {"urn": KEY["urn"], "type": "aws:kms/key:Key", "op": "create", "new": answered}
    events = [
        {"resOutputsEvent": {"metadata": answer}},
        {"summaryEvent": {"resourceChanges": {"create": 3, "delete": 1, "same": 1}}},
    ]
    fake_pulumi.play(preview={"output": OUTPUT, "events": events})
    return fake_pulumi


def test_the_plan_has_what_the_engine_and_the_providers_say(played: FakePulumi) -> None:
    plan = preview.of_file(EXAMPLE, Recorder())
    by_name = {one.name: one for one in plan.resources}
    assert set(by_name) == {"keys", "logs", "moved", "gone", "kept"}
    key = by_name["logs"]
    assert (key.id, key.outputs, key.protect, key.retained) == (
        "k-1",
        {"arn": "arn:aws:kms"},
        True,
        True,
    )
    assert key.inputs == {"policy": NOT_KNOWN, "tags": {"a": "b"}}
    assert key.provider == f"{URN}pulumi:providers:aws::aws"
    assert [urn.rpartition("::")[2] for urn in key.depends_on] == ["a", "b"]
    assert by_name["keys"].parent == ""
    assert by_name["moved"].was == f"{URN}lab:Old::moved"
    assert {one.name for one in plan.steps} == {"keys", "logs", "moved", "gone"}
    assert plan.changed == 4


def test_nothing_is_left_of_a_preview_of_what_is_not_deployed(
    played: FakePulumi, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = set(tmp_path.rglob("*"))
    preview.of_stack("local", Recorder())
    preview.of_file(EXAMPLE, Recorder())
    assert not home.root.exists()
    left = {path for path in set(tmp_path.rglob("*")) - before if "fake-pulumi" not in path.parts}
    assert left == set()
    assert [call[0] for call in played.calls] == ["stack", "preview", "stack", "preview"]


def test_what_is_deployed_is_planned_with_its_own_state(
    played: FakePulumi, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Stack("local")
    driver.ensure()
    file = home.state / ".pulumi" / "stacks" / "ai-lab" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {}}}))
    preview.of_stack("local", Recorder(), refresh=True)
    assert played.calls[-1][0] == "preview"
    assert "--refresh" in played.calls[-1]
    assert (home.logs / "preview.log").is_file()


def test_a_state_may_be_given(played: FakePulumi) -> None:
    preview.of_file(EXAMPLE, Recorder(), deployed={"resources": []})
    assert [call[:2] for call in played.calls][1] == ["stack", "import"]


def test_what_stands_in_is_said(played: FakePulumi) -> None:
    shown = Recorder()
    preview.of_file(AWS, shown, offline=True)
    assert any("AWS provider" in note and "made up" in note for note in shown.notes)
    shown = Recorder()
    preview.of_file(EXAMPLE, shown, offline=True)
    assert not any("AWS" in note for note in shown.notes)


def test_a_file_that_is_no_lab(played: FakePulumi, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        preview.of_file(tmp_path / "none.yaml", Recorder())
    assert played.calls == []


def test_faults_are_told_together_and_no_log_is_named_that_is_gone(
    fake_pulumi: FakePulumi,
) -> None:
    events = [
        {"diagnosticEvent": {"severity": "error", "message": text, "urn": f"{URN}a:b:C::{text}"}}
        for text in ("one", "two")
    ]
    fake_pulumi.play(preview={"code": 255, "events": events})
    with pytest.raises(PulumiFailed, match="one\ntwo") as caught:
        preview.of_file(EXAMPLE, Recorder())
    assert "nothing was deployed" in caught.value.next_step


def test_an_output_without_a_document() -> None:
    with pytest.raises(PulumiFailed, match="wrote no document"):
        read_plan("warning: nothing", [], changes={}, seconds=0)


def test_what_is_only_stood_in_for_is_not_deployed(played: FakePulumi, home: Home) -> None:
    target = Target("s", AWS, config.load_file(AWS), home)
    driver = Stack("s", target=target)
    for operation in (Operation.UP, Operation.REFRESH, Operation.DESTROY):
        with pytest.raises(PreviewOnly, match="aws"):
            driver.run(operation)
    assert played.calls == []


def test_offline_takes_nothing_of_the_callers_accounts(
    played: FakePulumi, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "ARM_CLIENT_ID", "AZURE_CLIENT_ID", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "mine")
    lab = config.load_file(AWS)
    closed = operation_environment(Target("s", AWS, lab, home, offline=True))
    assert not {"AWS_PROFILE", "ARM_CLIENT_ID", "AZURE_CLIENT_ID"} & closed.keys()
    assert operation_environment(Target("s", AWS, lab, home))["AWS_PROFILE"] == "mine"
    assert "PYTHONDONTWRITEBYTECODE" not in closed
    assert closed["PYTHONPYCACHEPREFIX"].startswith(closed["LAB_CACHE"])
