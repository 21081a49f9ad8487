"""Checks of how resources of a stack belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.values import UNKNOWNS


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as Pulumi plans or keeps it; dependencies are URNs."""

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    parent: str = ""
    protect: bool = False
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stack:
    """All resources of a stack."""

    resources: Sequence[Resource]

    def of_type(self, *types: str) -> list[Resource]:
        return [one for one in self.resources if one.type in types]

    def named_by(self, resource: Resource, key: str) -> list[Resource]:
        """The resources whose outputs a property is made of, as the program has it: this is known
        even where their values are not.
        """
        urns = set(resource.property_dependencies.get(key, ()))
        return [one for one in self.resources if one.urn in urns]

    def naming(self, resource: Resource, key: str, *types: str) -> list[Resource]:
        """The resources of these types that name this one in a property."""
        return [
            one
            for one in self.of_type(*types)
            if resource.urn in one.property_dependencies.get(key, ())
        ]

    def parts(self, whole: Resource, key: str, name: str, *types: str) -> list[Resource]:
        """The resources of these types that name this one in the property `key`: as the program
        has it, or as a text that is the whole's own property `name`.
        """
        own = whole.properties.get(name)
        told = own if isinstance(own, str) and own not in UNKNOWNS else None
        return [
            one
            for one in self.of_type(*types)
            if whole.urn in one.property_dependencies.get(key, ())
            or (told is not None and one.properties.get(key) == told)
        ]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which resource (none: with the stack)."""

    message: str
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Relations:
    """A check of a whole stack that has resources of one of the types in `about`; it looks at
    those in `reads` as well.

    `broken` are its mutants: functions from a stack to one that must be denied.
    """

    about: tuple[str, ...]
    check: Callable[[Stack], Iterator[Fault]]
    broken: Sequence[Callable[[Stack], Stack]]
    reads: tuple[str, ...] = ()

    @property
    def types(self) -> frozenset[str]:
        """All types that it looks at."""
        return frozenset((*self.about, *self.reads))

    def faults(self, stack: Stack) -> Iterator[Fault]:
        """What is wrong.

        Raises:
            Undecided: a value that decides is not known yet.
        """
        if stack.of_type(*self.about):
            yield from self.check(stack)
