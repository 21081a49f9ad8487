"""Mutants again, with what was flipped not known yet: it must not pass either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from policies import preview
from policies.admission import Settings
from policies.properties import Properties
from policies.relations import Relations, Resource, Stack
from policies.rule import Rule
from policies.values import UNKNOWN, Undecided
from tests.policies import captured


def passing(rule: Rule) -> Iterator[str]:
    """What passes though it depends on a value that is not known yet."""
    if isinstance(rule.preview, Properties):
        yield from _resources_passing(rule, rule.preview)
    if isinstance(rule.preview, Relations):
        for name in captured.names():
            stack = captured.stack(name)
            if stack.of_type(*rule.preview.about):
                yield from _stacks_passing(rule.preview, stack, name)


def _resources_passing(rule: Rule, check: Properties) -> Iterator[str]:
    for example, one in captured.of_types(preview.types_of(rule)):
        for spoil in check.broken:
            mutant = dict(_copy(one.properties))
            spoil(mutant)
            unknown = _blurred(one.properties, mutant)
            if unknown == one.properties:
                continue  # it was only added to: that is known
            try:
                denied = list(preview.of_resource(rule, one.type, unknown, Settings()))
            except Undecided:
                continue
            if not denied:
                yield f"{example}: {one.type} {one.name} passes with {spoil.__name__} unknown"


def _stacks_passing(check: Relations, stack: Stack, name: str) -> Iterator[str]:
    for spoil in check.broken:
        after = {one.urn: one for one in spoil(stack).resources}
        blurred = [_blurred_resource(one, after.get(one.urn, one)) for one in stack.resources]
        if blurred == list(stack.resources):
            continue  # resources are gone or added: that is known
        try:
            denied = list(check.faults(Stack(blurred)))
        except Undecided:
            continue
        if not denied:
            yield f"{name} passes with {spoil.__name__} unknown"


def _blurred_resource(one: Resource, after: Resource) -> Resource:
    """From which other resource a property comes is known, even where its value is not."""
    kept = {
        key: one.properties[key]
        for key, urns in one.property_dependencies.items()
        if urns and not after.property_dependencies.get(key)
    }
    return replace(one, properties={**_blurred(one.properties, after.properties), **kept})


def _blurred(before: Any, after: Any) -> Any:
    """Before, with what is another one after as not known; whole lists are."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            key: _blurred(item, after[key]) if key in after else UNKNOWN
            for key, item in before.items()
        }
    return before if before == after else UNKNOWN


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
