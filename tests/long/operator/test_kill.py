"""kill -9 before and after everything that the operator does outside of itself, in a whole life."""

from __future__ import annotations

from pathlib import Path

from tests.harness.killing import LEASE, Killing, kill_at, undisturbed
from tests.harness.sandbox_lab import SandboxLab


def test_every_point_of_a_life(lab: SandboxLab, tmp_path: Path) -> None:
    killing = Killing(tmp_path / "killing")
    with lab.operator(entry=killing.entry, lease=LEASE):
        chosen = undisturbed(lab, killing)
        result = kill_at(lab, killing, chosen)
    print(f"{result.points} points, {len(result.missed)} missed, {len(result.wrong)} wrong")
    assert result.wrong == []
    assert result.missed == []
    assert lab.namespaces() == set(), "orphans"
    assert lab.in_vault() == set(), "orphans in Vault"
