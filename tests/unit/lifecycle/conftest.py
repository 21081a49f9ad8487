from __future__ import annotations

from pathlib import Path

import pytest

from infra.paths import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    return Home("local")
