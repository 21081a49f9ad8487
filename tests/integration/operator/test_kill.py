"""kill -9 before and after everything that the operator does outside of itself, in a whole life.

Every sandbox is killed for once, at a point of its own; all of them must come to the same end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.evidence.records import Record
from tests.harness.lives import EVENTS, Life, lead
from tests.harness.sandbox_lab import SandboxLab

#: Sandboxes that live at the same time.
WAVE = 24
#: Seconds for the lives of one wave, with as many operators one after the other.
PATIENCE = 1800.0
LEASE = {"duration": 3, "renew": 0.4, "margin": 0.7}

Point = tuple[str, int, str]


class Killing:
    """Operators that are killed at chosen points (tests.harness.killed_operator)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("done", "fired"):
            (folder / name).mkdir(parents=True)
        self.choose({})

    def choose(self, points: dict[str, Point]) -> None:
        path = self.folder / "points.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(points))
        new.replace(path)

    def done(self, name: str) -> list[str]:
        return (self.folder / "done" / name).read_text().splitlines()

    def fired(self, name: str) -> bool:
        return (self.folder / "fired" / name).exists()

    @property
    def entry(self) -> tuple[str, ...]:
        return ("-m", "tests.harness.killed_operator", str(self.folder))


@pytest.fixture
def killing(tmp_path: Path) -> Killing:
    return Killing(tmp_path / "killing")


def points(done: list[str]) -> Iterator[Point]:
    """Before and after each thing that was done in an undisturbed life."""
    seen: Counter[str] = Counter()
    for told in done:
        for when in ("before", "after"):
            yield told, seen[told], when
        seen[told] += 1


def _batches(chosen: list[Point]) -> Iterator[list[Point]]:
    for start in range(0, len(chosen), WAVE):
        yield chosen[start : start + WAVE]


def faults(lab: SandboxLab, life: Life) -> list[str]:
    """What is wrong with the end of a life, and with its log."""
    records = lab.records(life.uid)
    found = [f"records: {_events(records)}"] if _events(records) != list(EVENTS) else []
    if len(life.identities) != 1:
        found.append(f"had the identities {sorted(life.identities)}")
    made = [one.details["identity"] for one in records if one.event == "Provisioning"]
    if set(made) != life.identities:
        found.append(f"made {made}")
    return [f"{life.name}: {fault}" for fault in found]


def _events(records: list[Record]) -> list[str]:
    return [str(record.event) for record in records]


def test_every_point_of_a_life(lab: SandboxLab, killing: Killing) -> None:
    with lab.operator(entry=killing.entry, lease=LEASE):
        undisturbed = Life(lab, "undisturbed")
        lead(lab, [undisturbed], PATIENCE)
        assert faults(lab, undisturbed) == []
        chosen = list(points(killing.done("undisturbed")))
        wrong: list[str] = []
        missed: list[Point] = []
        for number, wave in enumerate(_batches(chosen)):
            named = {f"killed-{number}-{index}": point for index, point in enumerate(wave)}
            killing.choose(named)
            lives = [Life(lab, name) for name in named]
            lead(lab, lives, PATIENCE)
            for life in lives:
                wrong += faults(lab, life)
            missed += [point for name, point in named.items() if not killing.fired(name)]
            print(f"{sum(map(killing.fired, named))} of {len(named)} killed, {len(wrong)} wrong")
    print(f"{len(chosen)} points, {len(missed)} missed, {len(wrong)} wrong")
    assert wrong == []
    assert missed == []
    assert lab.namespaces() == set(), "orphans"
    assert lab.in_vault() == set(), "orphans in Vault"
