"""What is wrong with a resource's inputs, judged by the SDK's types alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.offline.recording.shapes import (
    Anything,
    Field,
    ListOf,
    MapOf,
    OneOf,
    Record,
    Scalar,
    Shape,
)
from infra.plugins import UNKNOWN, Failure, Secret, Tagged
from infra.plugins.diffing import Path, property_path

_ARTICLE = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def failures(inputs: Mapping[str, Any], fields: Mapping[str, Field], *, of: str) -> list[Failure]:
    """Every fault of `inputs` by its property path; `of` names what they are inputs of.

    What a preview cannot know yet is taken as right.
    """
    return list(_record((), inputs, fields, of))


def _record(
    path: Path, given: Mapping[str, Any], fields: Mapping[str, Field], of: str
) -> Iterator[Failure]:
    for name, field in fields.items():
        if field.required and given.get(name) is None:
            yield Failure(property_path((*path, name)), f"is missing; {of} needs it.")
    for name, value in given.items():
        if name.startswith("__"):
            continue  # the engine's own (`__defaults`, `__internal`)
        if name not in fields:
            yield Failure(property_path((*path, name)), f"is no property of {of}.")
        elif value is not None:
            yield from _value((*path, name), value, fields[name].shape)


def _value(path: Path, value: Any, shape: Shape) -> Iterator[Failure]:
    if value is UNKNOWN or value is None or isinstance(value, Tagged):
        return
    if isinstance(value, Secret):
        yield from _value(path, value.value, shape)
        return
    match shape:
        case Anything():
            return
        case OneOf():
            yield from _nearest(path, value, shape)
        case Record() if isinstance(value, Mapping):
            yield from _record(path, value, shape.fields, shape.name)
        case MapOf() if isinstance(value, Mapping):
            for key, item in value.items():
                yield from _value((*path, key), item, shape.item)
        case ListOf() if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _value((*path, index), item, shape.item)
        case Scalar():
            yield from _scalar(path, value, shape)
        case _:
            yield Failure(property_path(path), f"must be {_words(shape)}, not {value!r}.")


def _nearest(path: Path, value: Any, shape: OneOf) -> Iterator[Failure]:
    """The faults against the shape that fits best: none if one fits."""
    tried = [list(_value(path, value, one)) for one in shape.shapes]
    yield from min(tried, key=len)


def _scalar(path: Path, value: Any, shape: Scalar) -> Iterator[Failure]:
    if not _fits(value, shape.kind):
        yield Failure(property_path(path), f"must be {_words(shape)}, not {value!r}.")
    elif shape.allowed and value not in shape.allowed:
        allowed = ", ".join(str(one) for one in shape.allowed)
        yield Failure(property_path(path), f"is {value!r}, which is none of {allowed}.")


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _words(shape: Shape) -> str:
    match shape:
        case Scalar():
            return _ARTICLE[shape.kind]
        case ListOf():
            return "a list"
        case Record():
            return f"an object ({shape.name})"
        case _:
            return "an object"
