"""Mutants of stacks, for rules of how resources belong together."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from policies.properties import replaced
from policies.relations import Resource, Stack

Spoil = Callable[[Stack], Stack]


def _named(name: str, spoil: Spoil) -> Spoil:
    spoil.__name__ = name
    return spoil


def without(*types: str) -> Spoil:
    """All resources of these types are gone."""
    return _named(
        f"without {' and '.join(types)}",
        lambda stack: Stack([one for one in stack.resources if one.type not in types]),
    )


def changed(type_: str, path: str, value: Any) -> Spoil:
    """Another value in every resource of a type, as a text that the program has; None removes it.

    It no longer comes from another resource.
    """
    key = path.partition(".")[0]

    def change(one: Resource) -> Resource:
        if one.type != type_:
            return one
        kept = {name: urns for name, urns in one.property_dependencies.items() if name != key}
        return replace(
            one, properties=replaced(one.properties, path, value), property_dependencies=kept
        )

    return _named(
        f"{type_} {path} = {value!r}",
        lambda stack: Stack([change(one) for one in stack.resources]),
    )


def edited(type_: str, spoil: Callable[[dict[str, Any]], None]) -> Spoil:
    """Every resource of a type with its properties spoiled, as a rule of properties does."""

    def edit(one: Resource) -> Resource:
        if one.type != type_:
            return one
        properties = copy.deepcopy(dict(one.properties))
        spoil(properties)
        return replace(one, properties=properties)

    return _named(
        f"{type_} {spoil.__name__}", lambda stack: Stack([edit(one) for one in stack.resources])
    )


def unprotected(*types: str) -> Spoil:
    """Nothing keeps resources of these types from being deleted."""
    return _named(
        f"unprotected {' and '.join(types)}",
        lambda stack: Stack(
            [replace(one, protect=False) if one.type in types else one for one in stack.resources]
        ),
    )


def added(type_: str, **properties: Any) -> Spoil:
    """One more resource, which no other one knows."""
    stranger = Resource(type_, "added", f"urn:pulumi:example::ai-lab::{type_}::added", properties)
    return _named(f"with {type_}", lambda stack: Stack([*stack.resources, stranger]))
