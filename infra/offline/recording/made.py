"""One resource that a cloud would make, and how what is made up about it is decided.

Everything grows from the resource's place in the program (its type, the types of its parents,
its name): the same program has the same plan, on every machine and for every stack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from infra.offline.recording.shapes import Field, ListOf, MapOf, OneOf, Record, Scalar, Shape
from infra.plugins import UNKNOWN
from infra.plugins.diffing import Path


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a resource before a cloud has answered."""

    #: For example `aws:kms/key:Key`.
    type: str
    #: The resource's name in the program.
    name: str
    #: Grows from the place in the program, and nothing else.
    seed: str
    inputs: Mapping[str, Any]
    #: The provider's own options, by their names in Pulumi.
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Inputs that its type cannot do without, in the SDK's order.
    required: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """`kms` of `aws:kms/key:Key`."""
        return self.type.split(":")[1].split("/")[0]

    @property
    def kind(self) -> str:
        """`Key` of `aws:kms/key:Key`."""
        return self.type.rpartition(":")[2]

    def hex(self, length: int, *what: object) -> str:
        """Hexadecimal digits; `what` tells several of one resource apart."""
        text = "\0".join([self.seed, *(str(part) for part in what)])
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def number(self, below: int, *what: object) -> int:
        return int(self.hex(12, *what), 16) % below

    def uuid(self, *what: object) -> str:
        return str(UUID(self.hex(32, *what), version=4))

    def text(self, *names: str) -> str | None:
        """The first of these inputs that is a known text."""
        for name in names:
            value = self.inputs.get(name)
            if isinstance(value, str):
                return value
        return None

    def known(self, *names: str) -> bool:
        """Whether none of these inputs waits for something that a preview cannot know."""
        return all(self.inputs.get(name) is not UNKNOWN for name in names)


#: Types may be recursive: what lies deeper stays empty.
_DEEPEST: Final = 4


class Cloud(Protocol):
    """What is particular to one cloud."""

    #: The SDK's Python package.
    package: str
    #: Whether lists that only the cloud fills are given an entry. (On Azure they list what others
    #: attach later.)
    fills_lists: bool

    def id_of(self, made: Made) -> str:
        """The id that the resource would get."""

    def outputs(self, made: Made) -> Mapping[str, Any]:
        """Outputs that the types cannot tell: of nested objects that the cloud fills in."""

    def text(self, made: Made, path: Path) -> str | None:
        """A plausible text for the output at `path`; None if its name says nothing."""


def outputs(
    made: Made, fields: Mapping[str, Field], given: Mapping[str, Field], cloud: Cloud
) -> dict[str, Any]:
    """The resource's outputs: its inputs, and what the cloud would add, made up.

    Args:
        made: the resource.
        fields: the outputs that its type has.
        given: the inputs that its type has: of these the cloud decides what the program leaves
            open, and nothing is made up but texts.
        cloud: what is particular to it.
    """
    found = _merged(made.inputs, cloud.outputs(made))
    for name, one in fields.items():
        value = found.get(name)
        if value is not None:
            found[name] = _completed(value, one.shape, (name,), made, cloud)
        elif one.required and name in given and not isinstance(one.shape, Scalar):
            found[name] = [] if isinstance(one.shape, ListOf) else {}
        elif one.required:
            found[name] = _invented(one.shape, (name,), made, cloud, decided=name in given)
    return found


def _completed(value: Any, shape: Shape, path: Path, made: Made, cloud: Cloud) -> Any:
    """A given value with what the cloud adds to it."""
    match shape:
        case Record() if isinstance(value, Mapping):
            known = {
                key: _completed(item, shape.fields[key].shape, (*path, key), made, cloud)
                if key in shape.fields
                else item
                for key, item in value.items()
            }
            return known | {
                key: _invented(one.shape, (*path, key), made, cloud)
                for key, one in shape.fields.items()
                if one.required and known.get(key) is None
            }
        case ListOf() if isinstance(value, list):
            return [
                _completed(item, shape.item, (*path, index), made, cloud)
                for index, item in enumerate(value)
            ]
        case MapOf() if isinstance(value, Mapping):
            return {
                key: _completed(item, shape.item, (*path, key), made, cloud)
                for key, item in value.items()
            }
        case MapOf() if isinstance(value, list):
            # Azure takes a list of identities and answers with what it knows of each.
            return {str(key): _invented(shape.item, (*path, key), made, cloud) for key in value}
        case _:
            return value


def _invented(  # noqa: PLR0911 - one return per shape
    shape: Shape, path: Path, made: Made, cloud: Cloud, *, decided: bool = False
) -> Any:
    match shape:
        case Scalar(kind="text"):
            return shape.allowed[0] if shape.allowed else _text(made, path, cloud, decided)
        case Scalar(kind="boolean"):
            return False
        case Scalar():
            return 0 if decided else 1
        case Record() if len(path) <= _DEEPEST:
            return {
                key: _invented(one.shape, (*path, key), made, cloud)
                for key, one in shape.fields.items()
                if one.required or isinstance(one.shape, Scalar)
            }
        case ListOf():
            if not cloud.fills_lists or len(path) > _DEEPEST:
                return []
            return [_invented(shape.item, (*path, 0), made, cloud)]
        case OneOf():
            return _invented(shape.shapes[0], path, made, cloud)
        case _:
            return {}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`other` put into `one`, object by object; what the program gave is kept."""
    found = dict(one)
    for key, value in other.items():
        old = found.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            found[key] = _merged(old, value)
        elif old is None:
            found[key] = value
    return found


def _text(made: Made, path: Path, cloud: Cloud, decided: bool) -> str:
    """Some text, the same for the same resource; empty for what the program left to the cloud."""
    plausible = cloud.text(made, path)
    if plausible is not None:
        return plausible
    word = next((str(part) for part in reversed(path) if isinstance(part, str)), "value")
    return "" if decided else f"{word}-{made.hex(8, *path)}"
