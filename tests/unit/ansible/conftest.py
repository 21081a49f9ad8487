"""Programs that the modules call, played by shell scripts that note how they were called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


class Programs:
    """A folder on PATH; `calls` are the command lines that were run, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "calls.log"

    def add(self, name: str, body: str = "") -> None:
        script = self._folder / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >>{self._log}\n{body}\n')
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return Programs(folder)


@pytest.fixture
def result(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What a module printed for Ansible."""
    return lambda: capsys.readouterr().out
