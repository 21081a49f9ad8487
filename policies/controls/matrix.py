"""The matrix of controls: what stands where, in a form that every format is written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from policies.controls import claims as claiming
from policies.controls.catalogue import CATALOGUES, DATED, Catalogue
from policies.controls.code import Code
from policies.controls.standing import Evidence, Standing, State, standings

#: When a matrix is of that has no results in it.
UNDATED: Final = datetime.fromisoformat(f"{DATED}T00:00:00+00:00")
TITLE: Final = "Controls of the lab"
ABOUT: Final = (
    "What laws and standards want of a lab, and what of it is served by which rules, checks and "
    "tests. A control is satisfied when every rule and check that serves it passed in the results "
    "that this matrix was made from; what nobody judged is not called satisfied."
)
MEANING: Final = {
    State.SATISFIED: "every rule and check that serves it passed",
    State.IN_PLACE: "something serves it, and these results do not judge all of that",
    State.NOT_SATISFIED: "nothing serves it yet, something failed, or something is gone",
    State.OUT: "not for this infrastructure, for the reason given",
}


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every control, with the time that it is of (UTC)."""

    rows: Sequence[Standing]
    at: datetime
    evidence: Evidence

    def by_catalogue(self) -> Iterator[tuple[Catalogue, list[Standing]]]:
        for one in CATALOGUES.values():
            yield one, [row for row in self.rows if row.control.catalogue == one.id]

    def counts(self) -> dict[State, int]:
        return count(self.rows)

    @property
    def time(self) -> str:
        """RFC 3339."""
        return self.at.astimezone(UTC).isoformat(timespec="seconds")


def count(rows: Sequence[Standing]) -> dict[State, int]:
    """How many stand where."""
    found = Counter(row.state for row in rows)
    return {state: found[state] for state in State}


def make(code: Code, evidence: Evidence | None = None, at: datetime = UNDATED) -> Matrix:
    """The matrix of this code.

    Args:
        code: rules, checks and tests that exist.
        evidence: what was found on a live system; none means that nothing was judged.
        at: when that was.
    """
    found = evidence or Evidence()
    rows = standings(claiming.claims(), code, claiming.accepted(), found)
    return Matrix(rows, at, found)
