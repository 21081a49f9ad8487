"""A stand-in for the Pulumi CLI: writes the events that a scenario asks for."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import offline, toolchain
from infra.paths import Home

PROGRAM = """\
#!{python} -IS
import json, os, signal, sys, time
folder = {folder!r}
arguments = sys.argv[1:]
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps({{"arguments": arguments, "cwd": os.getcwd()}}) + "\\n")
with open(folder + "/scenario.json") as file:
    scenario = json.load(file)
step = scenario.get(" ".join(arguments[:2])) or scenario.get(arguments[0]) or {{}}
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
if "--event-log" in arguments:
    with open(arguments[arguments.index("--event-log") + 1], "w") as log:
        for event in step.get("events", []):
            log.write(json.dumps(event) + "\\n")
            log.flush()
if step.get("wait"):
    print("waiting", flush=True)
    deadline = time.time() + 20
    while not stopped and time.time() < deadline:
        signal.sigtimedwait([], 0.01)
if step.get("write"):
    for path, text in step["write"].items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").write(text)
sys.stdout.write(step.get("output", ""))
sys.exit(step.get("code", 0))
"""


@dataclass
class FakePulumi:
    folder: Path
    program: Path

    def play(self, **steps: dict[str, Any]) -> None:
        """What each command does; `stack_init` stands for `stack init`."""
        scenario = {name.replace("_", " "): step for name, step in steps.items()}
        (self.folder / "scenario.json").write_text(json.dumps(scenario))

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["arguments"] for line in lines]

    @property
    def folders(self) -> list[str]:
        return [
            json.loads(line)["cwd"] for line in (self.folder / "calls").read_text().splitlines()
        ]


@pytest.fixture
def fake_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Home) -> FakePulumi:
    folder = tmp_path / "fake-pulumi"
    folder.mkdir()
    program = folder / "pulumi"
    program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
    program.chmod(0o755)
    monkeypatch.setattr(toolchain, "binary", lambda name: folder / name)
    monkeypatch.setattr(offline, "path_entries", lambda *_, **__: [folder / "shims"])
    fake = FakePulumi(folder, program)
    fake.play()
    return fake


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    return Home("local")
