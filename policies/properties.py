"""Checks of one resource's properties, written as what they must be."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from policies.values import Undecided, shown, unknown_paths, value, values

Check = Callable[[Mapping[str, Any]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Must:
    """What lies at a path (`a.b.*.c`) must satisfy `accepts`.

    `wanted` ends the sentence "PATH must be ...". `broken` are values that must be denied: they
    are the mutants of tests and the failing example; a protection that is not set counts as one
    unless `optional`.
    """

    path: str
    wanted: str
    accepts: Callable[[Any], bool]
    broken: tuple[Any, ...]
    optional: bool = False
    #: Path and values of another property: only then.
    when: tuple[str, tuple[Any, ...]] | None = None
    #: What the level `remediate` sets instead of what is wrong; None: nothing is safe. A value is
    #: safe where it opens nothing, loses nothing, and the provider changes it in place
    #: (docs/policies.md#what-the-level-remediate-corrects).
    safe: Any = None

    def __post_init__(self) -> None:
        """Refuses a correction that would not be one.

        Raises:
            ValueError: the rule itself does not accept it, or it is about items of a list, of
                which some may be right as they are.
        """
        if self.safe is not None and not self.accepts(self.safe):
            raise ValueError(f"{self.path}: {self.safe!r} is no correction")
        if self.safe is not None and "*" in self.path:
            raise ValueError(f"{self.path}: items of lists are not corrected")

    def faults(self, properties: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong.

        Raises:
            Undecided: a value that decides is not known yet.
        """
        if not self.applies(properties):
            return
        for found in values(properties, self.path):
            if next(unknown_paths(found), None) is not None:
                raise Undecided(self.path)
            if not self._accepted(found):
                yield f"{self.path} is {shown(found)} and must be {self.wanted}"

    def applies(self, properties: Mapping[str, Any]) -> bool:
        if self.when is None:
            return True
        path, allowed = self.when
        return value(properties, path) in allowed

    def _accepted(self, found: Any) -> bool:
        return (self.optional and found is None) or self.accepts(found)


def must_be(
    path: str,
    *allowed: Any,
    broken: Sequence[Any] = (),
    optional: bool = False,
    safe: Any = None,
) -> Must:
    """One of these values. Without `broken`, a boolean is turned and a text is another one."""
    wanted = " or ".join(shown(one) for one in allowed)
    spoiled = tuple(broken) or tuple(
        not one if isinstance(one, bool) else "another" for one in allowed[:1]
    )
    return Must(path, wanted, lambda found: found in allowed, spoiled, optional, safe=safe)


def must_be_set(path: str) -> Must:
    """Anything but nothing."""
    return Must(path, "set", lambda found: found not in (None, "", [], {}), ("",))


def must_not_be_set(path: str, *, broken: Any, safe: Any = None) -> Must:
    """Nothing, or switched off."""
    off: tuple[Any, ...] = (False, "", [], {})
    return Must(path, "unset", lambda found: found in off, (broken,), True, safe=safe)


def must_match(
    path: str,
    pattern: str,
    wanted: str,
    *,
    broken: Sequence[Any],
    optional: bool = False,
    safe: Any = None,
) -> Must:
    """A text that fits a regular expression as a whole."""
    fits = re.compile(pattern)
    return Must(
        path,
        wanted,
        lambda found: isinstance(found, str) and bool(fits.fullmatch(found)),
        tuple(broken),
        optional,
        safe=safe,
    )


def must_be_at_least(path: str, least: float, *, unit: str = "", safe: float | None = None) -> Must:
    wanted = f"at least {least} {unit}".rstrip()
    return Must(
        path,
        wanted,
        lambda found: isinstance(found, (int, float)) and found >= least,
        (least - 1,),
        safe=safe,
    )


def must_be_between(
    path: str, least: float, most: float, *, unit: str = "", safe: float | None = None
) -> Must:
    """A number that is not too small and not too large."""
    wanted = f"{least} to {most} {unit}".rstrip()
    return Must(
        path,
        wanted,
        lambda found: isinstance(found, (int, float)) and least <= found <= most,
        (least - 1, most + 1),
        safe=safe,
    )


def must_contain(path: str, *items: Any, safe: Sequence[Any] | None = None) -> Must:
    """A list with all of these items."""
    wanted = f"a list with {', '.join(map(str, items))}"
    return Must(
        path,
        wanted,
        lambda found: isinstance(found, list) and all(item in found for item in items),
        ([], list(items[1:])),
        safe=safe,
    )


def only_if(path: str, *allowed: Any, then: Must) -> Must:
    """The same, asked of resources only that have one of these values at a path."""
    return replace(then, when=(path, allowed))


@dataclass(frozen=True, slots=True)
class Properties:
    """What properties of resources of these types must be.

    `must` is by Pulumi type. `check` adds what cannot be said so, for all these types; its mutants
    are then `broken`: functions that spoil a copy of a resource's properties.

    `forbidden` are types of which there must be no resource at all, each with properties that one
    may have: no stack of ours has such a mutant by itself.
    """

    must: Mapping[str, Sequence[Must]]
    check: Check | None = None
    broken: Sequence[Callable[[dict[str, Any]], None]] = ()
    forbidden: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def types(self) -> tuple[str, ...]:
        return (*self.must, *self.forbidden)

    def faults(self, type_: str, properties: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with a resource. What is known to be wrong is told before what is not
        known yet.

        Raises:
            Undecided: nothing is known to be wrong, and a value that decides is not known yet.
        """
        if type_ in self.forbidden:
            yield f"there must be no {type_.rpartition(':')[2]}"
            return
        told, undecided = False, None
        checks: list[Check] = [one.faults for one in self.must[type_]]
        if self.check is not None:
            checks.append(self.check)
        for check in checks:
            try:
                for fault in check(properties):
                    told = True
                    yield fault
            except Undecided as error:
                undecided = undecided or error
        if undecided is not None and not told:
            raise undecided

    def mutants(
        self, type_: str, properties: Mapping[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Copies of a resource's properties with one protection flipped, each with what was done
        to it.
        """
        for one in self.must[type_]:
            if not one.applies(properties):
                continue
            for bad in one.broken:
                yield f"{one.path} = {bad!r}", replaced(properties, one.path, bad)
            if not one._accepted(None):
                yield f"{one.path} removed", replaced(properties, one.path, None)
        for spoil in self.broken:
            changed = copy.deepcopy(dict(properties))
            spoil(changed)
            yield spoil.__name__, changed


def replaced(properties: Mapping[str, Any], path: str, bad: Any) -> dict[str, Any]:
    """A copy with another value at a path, in every item that `*` stands for; None removes it."""
    changed = copy.deepcopy(dict(properties))
    *way, last = path.split(".")
    found: list[Any] = [changed]
    for part in way:
        if part == "*":
            found = [item for one in found for item in (one if isinstance(one, list) else [])]
        else:
            found = [one.setdefault(part, {}) for one in found if isinstance(one, dict)]
    for one in found:
        if bad is None:
            one.pop(last, None)
        else:
            one[last] = copy.deepcopy(bad)
    return changed
