"""Property values between Python and the protobuf Struct that Pulumi speaks.

What JSON cannot say (a secret, a value not known yet, an asset) travels with the marks of
`infra.marks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf import struct_pb2

from infra.marks import (
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN_TEXT,
    UNKNOWN_TEXTS,
)

#: Numbers are doubles on the wire; above this a double no longer says which integer it was.
_EXACT: Final = 2**53


class Unknown(Enum):
    """The type of `UNKNOWN`; an enumeration, so that `is UNKNOWN` narrows for mypy."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


#: A value that only an `up` will give; previews carry it.
UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine must encrypt in state and hide in its display."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True, slots=True)
class Tagged:
    """An asset, archive or resource reference, carried through as it came."""

    signature: str
    fields: dict[str, Any]


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A map of properties. Whole numbers become `int`; the wire does not tell them from floats."""
    return {key: from_value(value) for key, value in struct.fields.items()}


def from_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in UNKNOWN_TEXTS else text
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < _EXACT else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [from_value(item) for item in value.list_value.values]
        case "struct_value":
            return _from_map(from_struct(value.struct_value))
        case _:
            return None


def _from_map(fields: dict[str, Any]) -> Any:
    signature = fields.get(SIGNATURE_KEY)
    if signature == SECRET_SIGNATURE:
        return Secret(fields.get("value"))
    if signature == OUTPUT_SIGNATURE:
        known = fields.get("value", UNKNOWN)
        return Secret(known) if fields.get("secret") else known
    if isinstance(signature, str):
        rest = {key: value for key, value in fields.items() if key != SIGNATURE_KEY}
        return Tagged(signature, rest)
    return fields


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The inverse of `from_struct`.

    Raises:
        TypeError: a value is of a type that Pulumi cannot carry.
        ValueError: a number is not finite.
    """
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        struct.fields[key].CopyFrom(to_value(value))
    return struct


def to_value(value: Any) -> struct_pb2.Value:  # noqa: PLR0911 - one return per kind of value
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case Unknown():
            return struct_pb2.Value(string_value=UNKNOWN_TEXT)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is not a number that Pulumi can carry")
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case Secret():
            return _signed(SECRET_SIGNATURE, {"value": value.value})
        case Tagged():
            return _signed(value.signature, value.fields)
        case Mapping():
            return struct_pb2.Value(struct_value=to_struct(value))
        case list() | tuple():
            items = [to_value(item) for item in value]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    raise TypeError(f"a {type(value).__name__} is not a value that Pulumi can carry")


def _signed(signature: str, fields: Mapping[str, Any]) -> struct_pb2.Value:
    return struct_pb2.Value(struct_value=to_struct({SIGNATURE_KEY: signature, **fields}))


def _children(value: Any) -> Iterator[Any]:
    match value:
        case Secret():
            yield value.value
        case Tagged():
            yield from value.fields.values()
        case Mapping():
            yield from value.values()
        case list() | tuple():
            yield from value


def contains_unknown(value: Any) -> bool:
    """Whether anything in `value` is not known yet."""
    return value is UNKNOWN or any(contains_unknown(child) for child in _children(value))


def contains_secret(value: Any) -> bool:
    """Whether anything in `value` is secret."""
    return isinstance(value, Secret) or any(contains_secret(child) for child in _children(value))


def strip_secrets(value: Any) -> Any:
    """A copy with every secret replaced by its plain value."""
    match value:
        case Secret():
            return strip_secrets(value.value)
        case Mapping():
            return {key: strip_secrets(item) for key, item in value.items()}
        case list() | tuple():
            return [strip_secrets(item) for item in value]
        case _:
            return value
