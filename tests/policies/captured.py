"""Resources of our own stacks as the real engine planned them: the accepted inventories."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.paths import REPOSITORY
from policies.relations import Resource, Stack
from tests.harness import planned_inventory

_FOLDER = REPOSITORY / "tests" / "golden" / "examples"
#: Where an inventory says that a value comes from another resource.
_ORIGIN = re.compile(r"\{([\w.-]+:[\w./-]+:\w+) ([^{}]+?)\.[\w\[\].]+\}")


def names() -> list[str]:
    """Every example that has an inventory."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


@functools.cache
def stack(name: str) -> Stack:
    """The stack of an example."""
    entries = planned_inventory.read((_FOLDER / f"{name}.yaml").read_text())
    return Stack([_resource(entry) for entry in entries])


def of_types(types: frozenset[str]) -> Iterator[tuple[str, Resource]]:
    """Every resource of these types in any example, with the example's name."""
    for name in names():
        for one in stack(name).resources:
            if one.type in types:
                yield name, one


def _resource(entry: Mapping[str, Any]) -> Resource:
    properties = entry.get("properties", {})
    return Resource(
        type=entry["type"],
        name=entry["name"],
        urn=_urn(entry["type"], entry["name"]),
        properties=properties,
        parent=entry.get("parent", ""),
        protect=entry.get("protected", False),
        property_dependencies={key: sorted(_origins(item)) for key, item in properties.items()},
    )


def _origins(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return {urn for item in value.values() for urn in _origins(item)}
    if isinstance(value, list):
        return {urn for item in value for urn in _origins(item)}
    if isinstance(value, str):
        return {_urn(type_, name) for type_, name in _ORIGIN.findall(value)}
    return set()


def _urn(type_: str, name: str) -> str:
    return f"urn:pulumi:example::ai-lab::{type_}::{name}"
