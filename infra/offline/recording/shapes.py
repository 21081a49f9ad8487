"""Types of property values, as far as a check and a made-up value need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal


@dataclass(frozen=True)
class Anything:
    """A value that the SDK says nothing of (JSON, an asset)."""


@dataclass(frozen=True)
class Scalar:
    """A text, a number or a truth value."""

    kind: Literal["text", "integer", "number", "boolean"]
    #: The only values that are allowed, where the SDK's enumeration is closed.
    allowed: tuple[object, ...] = ()


@dataclass(frozen=True)
class ListOf:
    item: Shape


@dataclass(frozen=True)
class MapOf:
    item: Shape


@dataclass(frozen=True)
class Field:
    """One property of a record or a resource."""

    shape: Shape
    required: bool


@dataclass(frozen=True)
class Record:
    """A nested object. Its fields are read when they are asked for: types may be recursive."""

    name: str
    read: Callable[[], Mapping[str, Field]] = field(repr=False, compare=False)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        return self.read()


@dataclass(frozen=True)
class OneOf:
    """Any of several shapes."""

    shapes: tuple[Shape, ...]


Shape = Anything | Scalar | ListOf | MapOf | Record | OneOf
