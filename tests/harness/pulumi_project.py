"""A throw-away Pulumi project, run by the real CLI with the lab's own stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.offline.finding import RECORDERS, STAND_INS


@dataclass(frozen=True)
class Result:
    """A finished command."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text[self.text.index("{") :])


class Project:
    """One project with one stack `dev`, its state beside it."""

    def __init__(self, folder: Path, *, pulumi: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self._pulumi = pulumi
        (folder / "state").mkdir()
        ours = (*STAND_INS, *RECORDERS.values())
        search_path = [str(stand_in.folder) for stand_in in ours]
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([*search_path, os.environ["PATH"]]),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "for this test only",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **variables,
        }
        (folder / "Pulumi.yaml").write_text(f"name: {folder.name}\nruntime: python\n")
        self.program("")
        self.run("stack", "init", "dev")

    def program(self, text: str) -> None:
        """Replaces the program; common indentation is removed."""
        (self.folder / "__main__.py").write_text(textwrap.dedent(text))

    def command(self, *arguments: str) -> list[str]:
        return [str(self._pulumi), *arguments, "--non-interactive"]

    def run(self, *arguments: str, ok: bool = True, streams: bool = False) -> Result:
        """Runs `pulumi ARGUMENTS`; with `streams` standard error is part of the text."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if streams or ok else subprocess.PIPE,
            text=True,
            timeout=180,
            check=False,
        )
        if ok:
            assert done.returncode == 0, done.stdout
        return Result(done.returncode, done.stdout + (done.stderr or ""))

    def up(self, *arguments: str, ok: bool = True) -> Result:
        return self.run("up", "--yes", "--skip-preview", *arguments, ok=ok)

    def changes(self) -> dict[str, list[str]]:
        """What a preview would do: operation -> names of resources; `same` is left out."""
        steps = self.run("preview", "--json").json().get("steps", [])
        found: dict[str, list[str]] = {}
        for step in steps:
            if step["op"] != "same":
                found.setdefault(step["op"], []).append(step["urn"].split("::")[-1])
        return {op: sorted(names) for op, names in found.items()}

    def export(self) -> str:
        return self.run("stack", "export").text

    def resources(self) -> dict[str, dict[str, Any]]:
        """Resources in state by name."""
        document = json.loads(self.export()[self.export().index("{") :])
        return {
            entry["urn"].split("::")[-1]: entry for entry in document["deployment"]["resources"]
        }
