"""Which ground carries which work: a rule over classifications, decided before anything is made.

Pure. Work is a sandbox or a queue; it has a classification and may name its ground. Without a
name it goes to the primary ground if that may carry it, else to the first one, in the order of the
configuration, that may. Work that nothing may carry is refused, never put somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.config.model import CLASSIFICATIONS, Classification

_SHARED_KERNEL = (
    "its machines share one host's kernel, so it is for public and internal work, unless the "
    "configuration says why not (shared_kernel_because)"
)
_FOREIGN = (
    "restricted work stays on machines of one's own, unless the site says why not "
    "(restricted_because)"
)
#: What a kind of ground does not carry, whatever else a configuration says, and why.
_LIMITS: dict[str, dict[Classification, str]] = {
    "local": {"confidential": _SHARED_KERNEL, "restricted": _SHARED_KERNEL},
    "aws": {"restricted": _FOREIGN},
    "azure": {"restricted": _FOREIGN},
    "onprem": {},
}


@dataclass(frozen=True, slots=True)
class Ground:
    """Something that carries work. `refuses` gives a reason for each classification."""

    name: str
    refuses: Mapping[Classification, str]

    def may_carry(self, classification: Classification) -> bool:
        return classification not in self.refuses


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be placed; `path` is where it stands in the configuration."""

    path: str
    classification: Classification
    ground: str | None = None


def ground(
    name: str,
    kind: str,
    *,
    carries: Iterable[Classification] = CLASSIFICATIONS,
    exception: str | None = None,
) -> Ground:
    """A ground of a kind (`local`, `onprem`, `aws`, `azure`), with what its owner lets it carry.

    `exception` is the owner's reason for work that this kind does not carry otherwise.
    """
    allowed = tuple(carries)
    refuses = {
        classification: f"it carries {', '.join(allowed)} only"
        for classification in CLASSIFICATIONS
        if classification not in allowed
    }
    limits = {} if exception else _LIMITS[kind]
    return Ground(name, {**limits, **refuses})


def place(work: Work, grounds: Sequence[Ground]) -> str:
    """The name of the ground that carries this work. The primary ground comes first.

    Raises:
        ValueError: the named ground is not one, or may not carry it; or none may.
    """
    if work.ground is not None:
        return _named(work, work.ground, grounds)
    for candidate in grounds:
        if candidate.may_carry(work.classification):
            return candidate.name
    reasons = "; ".join(f"{one.name}: {one.refuses[work.classification]}" for one in grounds)
    raise ValueError(f"{work.path}: no ground may carry {work.classification} work ({reasons})")


def _named(work: Work, name: str, grounds: Sequence[Ground]) -> str:
    wanted = next((one for one in grounds if one.name == name), None)
    if wanted is None:
        known = ", ".join(one.name for one in grounds)
        raise ValueError(f"{work.path}: {name} is none of the lab's grounds ({known})")
    if not wanted.may_carry(work.classification):
        reason = wanted.refuses[work.classification]
        raise ValueError(
            f"{work.path}: {work.classification} work may not be on ground {name}: {reason}"
        )
    return wanted.name
