"""What each stack declares, as a file under review: no protection changes unseen.

A change that is meant is accepted with `pytest tests/golden --accept-golden` and reviewed as a
difference of the file.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.harness import inventory
from tests.harness.local_lab import deploy_local


def test_the_local_stack_is_what_was_accepted(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    file = Path(__file__).with_name("local.yaml")
    now = inventory.render(deploy_local(monkeypatch))
    if request.config.getoption("--accept-golden"):
        file.write_text(now)
    accepted = file.read_text()
    changes = "\n".join(
        difflib.unified_diff(
            accepted.splitlines(), now.splitlines(), "accepted", "now", lineterm=""
        )
    )
    assert not changes, f"pytest tests/golden --accept-golden accepts this:\n{changes}"
