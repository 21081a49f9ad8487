"""What a generated Pulumi SDK for Python says of a resource type, read from its own classes.

A class is imported when a resource of its type is first seen, and nothing else is: the SDKs hold
thousands. How they are generated: pulumi/pulumi: pkg/codegen/python/gen.go.
"""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import threading
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import pulumi
from pulumi import _types as pulumi_types

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

_SCALARS = {
    str: Scalar("text"),
    int: Scalar("integer"),
    float: Scalar("number"),
    bool: Scalar("boolean"),
}
_KINDS = {str: "text", int: "integer", float: "number", bool: "boolean"}
#: `typing` may have one object for the same forward reference of two modules, and keeps the answer
#: in it: each is read alone, and by local names that are not its global ones, which means anew.
_RESOLVING = threading.Lock()
_LISTS = (list, collections.abc.Sequence)
_MAPS = (dict, collections.abc.Mapping)


@dataclass(frozen=True, slots=True)
class ResourceShape:
    """The properties of one resource type, by their names in Pulumi."""

    token: str
    inputs: Mapping[str, Field]
    #: Required is what every such resource has, whether given or decided by the cloud.
    outputs: Mapping[str, Field]


@cache
def resource(package: str, token: str) -> ResourceShape | None:
    """The resource type of a token; None if the SDK has none of that name.

    Args:
        package: the SDK's Python package, for example `pulumi_aws`.
        token: for example `aws:kms/key:Key` or `azure-native:keyvault:Vault`.
    """
    found = _class(package, token)
    if found is None:
        return None
    arguments = _arguments(found)
    return ResourceShape(
        token=token,
        inputs={} if arguments is None else _input_fields(arguments),
        outputs=_output_fields(found),
    )


@cache
def provider_inputs(package: str) -> Mapping[str, Field]:
    """The options of the provider itself."""
    arguments = _arguments(importlib.import_module(package).Provider)
    return {} if arguments is None else _input_fields(arguments)


def _class(package: str, token: str) -> type | None:
    _, module, name = token.split(":")
    folder = module.split("/")[0]
    # A module whose name is a word of Python's (lambda) has an underscore behind it.
    for candidate in (folder, f"{folder}_"):
        try:
            found = getattr(importlib.import_module(f"{package}.{candidate}"), name, None)
        except ModuleNotFoundError:
            continue
        if isinstance(found, type) and issubclass(found, pulumi.Resource):
            return found
    return None


def _arguments(resource_class: type) -> type | None:
    """The class of a resource's arguments: what the generated constructor's overload takes."""
    module = importlib.import_module(resource_class.__module__)
    for overload in typing.get_overloads(resource_class.__init__):  # type: ignore[misc]
        annotation = overload.__annotations__.get("args")
        if annotation is None:
            continue
        found = _resolve(annotation, vars(module))
        for option in _options(found):
            if isinstance(option, type) and pulumi_types.is_input_type(option):
                return option
    return None


def _resolve(annotation: Any, names: Mapping[str, Any]) -> Any:
    def holder() -> None:
        """Carries one annotation to `get_type_hints`, which resolves the names in it."""

    holder.__annotations__ = {"value": annotation}
    known = {**names, "Output": pulumi.Output, "T": type(None)}
    with _RESOLVING:
        return typing.get_type_hints(holder, globalns=known, localns={})["value"]


def _names_of(class_: type) -> Mapping[str, Any]:
    return vars(importlib.import_module(class_.__module__))


def _properties(class_: type) -> Iterator[tuple[str, str, Any]]:
    """Name in Python, name in Pulumi and type of every property of a generated class."""
    for base in reversed(class_.__mro__):
        for name, member in vars(base).items():
            if not isinstance(member, property) or member.fget is None:
                continue
            spelt = getattr(member.fget, "_pulumi_name", None)
            if spelt is not None and "return" in member.fget.__annotations__:
                names = _names_of(base)
                yield name, spelt, _resolve(member.fget.__annotations__["return"], names)


def _input_fields(class_: type) -> Mapping[str, Field]:
    given = inspect.signature(class_.__init__).parameters  # type: ignore[misc]
    return {
        spelt: Field(
            _shape(annotation, nested=_input_fields),
            required=name in given and given[name].default is inspect.Parameter.empty,
        )
        for name, spelt, annotation in _properties(class_)
    }


def _output_fields(class_: type) -> Mapping[str, Field]:
    return {
        spelt: Field(
            _shape(annotation, nested=_output_fields),
            required=type(None) not in list(_options(annotation)),
        )
        for _name, spelt, annotation in _properties(class_)
        if spelt not in ("urn", "id") or not issubclass(class_, pulumi.Resource)
    }


def _options(annotation: Any) -> Iterator[Any]:
    """What a value may be, without the ways in which a program may hand it over."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from _options(option)
    elif origin in (pulumi.Output, collections.abc.Awaitable):
        # Of an input the type stands beside these; of an output it stands inside.
        for option in typing.get_args(annotation):
            if origin is pulumi.Output and option is not type(None):
                yield from _options(option)
    else:
        yield annotation


def _shape(annotation: Any, *, nested: Any) -> Shape:
    shapes: list[Shape] = []
    options = list(_options(annotation))
    for option in options:
        # The same as a dictionary, for those who would rather write one.
        if option is type(None) or typing.is_typeddict(option):
            continue
        shape = _one(option, nested=nested, open_=str in options)
        if shape not in shapes:
            shapes.append(shape)
    if not shapes or Anything() in shapes:
        return Anything()
    return shapes[0] if len(shapes) == 1 else OneOf(tuple(shapes))


def _one(option: Any, *, nested: Any, open_: bool) -> Shape:  # noqa: PLR0911 - one per kind
    origin = typing.get_origin(option)
    if origin in _LISTS:
        return ListOf(_shape(typing.get_args(option)[0], nested=nested))
    if origin in _MAPS:
        return MapOf(_shape(typing.get_args(option)[1], nested=nested))
    if not isinstance(option, type):
        return Anything()
    if option in _SCALARS:
        return _SCALARS[option]
    if issubclass(option, Enum):
        kind = next(_SCALARS[base] for base in option.__mro__ if base in _SCALARS)
        return kind if open_ else Scalar(kind.kind, tuple(member.value for member in option))
    if pulumi_types.is_input_type(option) or pulumi_types.is_output_type(option):
        return Record(option.__name__, lambda: nested(option))
    return Anything()
