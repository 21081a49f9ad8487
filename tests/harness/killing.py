"""Sandboxes whose operators are killed with SIGKILL at chosen points of their lives.

Every sandbox is killed for once, at a point of its own; all of them must come to the same end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.evidence.records import Record
from tests.harness.lives import EVENTS, Life, lead
from tests.harness.sandbox_lab import SandboxLab

#: Sandboxes that live at the same time.
WAVE = 24
#: Seconds for the lives of one wave, with as many operators one after the other.
PATIENCE = 1800.0
LEASE = {"duration": 3, "renew": 0.4, "margin": 0.7}
#: Lives that a point is tried in: when an operator dies for another sandbox, what it was doing
#: for this one is done again, and its chosen moment may not come.
TRIES = 5

#: What is done, how often it was done before, and whether it dies "before" or "after".
Point = tuple[str, int, str]


@dataclass(frozen=True)
class Killing:
    """Operators that are killed at chosen points (tests.harness.killed_operator)."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("done", "fired"):
            (self.folder / name).mkdir(parents=True)
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


@dataclass
class Result:
    """`missed`: points at which no operator died; `wrong`: how lives came to another end."""

    points: int
    killed: int = 0
    missed: list[Point] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def points(done: Sequence[str]) -> Iterator[Point]:
    """Before and after each thing that was done in an undisturbed life."""
    seen: Counter[str] = Counter()
    for told in done:
        for when in ("before", "after"):
            yield told, seen[told], when
        seen[told] += 1


def undisturbed(lab: SandboxLab, killing: Killing) -> list[Point]:
    """Leads one sandbox through its life; every point at which its operator could have died."""
    life = Life(lab, "undisturbed")
    lead(lab, [life], PATIENCE)
    assert faults(lab, life) == []
    return list(points(killing.done(life.name)))


def kill_at(lab: SandboxLab, killing: Killing, chosen: Sequence[Point]) -> Result:
    """A life for each point, and another one for each that was missed. The operator is running."""
    result = Result(points=len(chosen))
    left = list(chosen)
    for attempt in range(TRIES):
        missed: list[Point] = []
        for start in range(0, len(left), WAVE):
            wave = left[start : start + WAVE]
            named = {f"k{attempt}-{start + index}": point for index, point in enumerate(wave)}
            killing.choose(named)
            lives = [Life(lab, name) for name in named]
            lead(lab, lives, PATIENCE)
            for life in lives:
                result.wrong += faults(lab, life)
            missed += [point for name, point in named.items() if not killing.fired(name)]
            result.killed += sum(map(killing.fired, named))
            print(f"{result.killed} of {result.points} killed, {len(result.wrong)} wrong")
        left = missed
    result.missed = left
    return result


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
