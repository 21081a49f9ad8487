"""kill -9 of the operator once in each step of a life; at every point: tests/long/operator."""

from __future__ import annotations

from pathlib import Path

from tests.harness.killing import LEASE, Killing, Point, kill_at, undisturbed
from tests.harness.sandbox_lab import SandboxLab


def one_of_each_step(chosen: list[Point]) -> list[Point]:
    """Alternately after the first thing that a step does, and before the last."""
    steps: dict[str, list[Point]] = {}
    for point in chosen:
        steps.setdefault(point[0].partition(":")[0], []).append(point)
    return [found[-2] if number % 2 else found[1] for number, found in enumerate(steps.values())]


def test_every_step_of_a_life(lab: SandboxLab, tmp_path: Path) -> None:
    killing = Killing(tmp_path / "killing")
    with lab.operator(entry=killing.entry, lease=LEASE):
        chosen = one_of_each_step(undisturbed(lab, killing))
        assert len(chosen) > 10, chosen
        result = kill_at(lab, killing, chosen)
    assert (result.wrong, result.missed) == ([], [])
    assert lab.namespaces() | lab.in_vault() == set(), "orphans"
