"""Checks a resource's inputs against a pydantic model, property by property.

A preview may not know some values yet: those are let through as they are, and the others are
checked all the same. What concerns several properties is checked once all are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from infra.plugins.diffing import property_path
from infra.plugins.resource import Checked, Failure
from infra.plugins.values import UNKNOWN, contains_unknown


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("must be an absolute path")
    return value


#: A path on this host; relative ones would depend on where the plugin was started.
AbsolutePath = Annotated[str, AfterValidator(_absolute)]


def check(model: type[BaseModel], news: Mapping[str, Any]) -> Checked:
    """`news` in normal form with defaults filled in, and a failure for each fault."""
    inputs: dict[str, Any] = {}
    failures: list[Failure] = []
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, field in fields.items():
        given = news.get(name)
        if contains_unknown(given):
            inputs[name] = given
        elif given is None:
            if field.is_required():
                failures.append(Failure(name, "is missing"))
            else:
                inputs[name] = _adapter(model, name).dump_python(
                    field.get_default(call_default_factory=True), mode="json", by_alias=True
                )
        else:
            _check_one(model, name, given, inputs, failures)
    for name in news.keys() - fields.keys():
        known = ", ".join(sorted(fields))
        failures.append(Failure(property_path([name]), f"is unknown here; known are {known}"))
    if not failures and not contains_unknown(inputs):
        try:
            model.model_validate(inputs)
        except ValidationError as error:
            failures.extend(_failures((), error))
    return Checked(inputs, failures)


def _check_one(
    model: type[BaseModel],
    name: str,
    given: Any,
    inputs: dict[str, Any],
    failures: list[Failure],
) -> None:
    adapter = _adapter(model, name)
    try:
        value = adapter.validate_python(given)
    except ValidationError as error:
        inputs[name] = given
        failures.extend(_failures((name,), error))
    else:
        inputs[name] = adapter.dump_python(value, mode="json", by_alias=True)


@cache
def _adapter(model: type[BaseModel], alias: str) -> TypeAdapter[Any]:
    field: FieldInfo = next(
        field for name, field in model.model_fields.items() if (field.alias or name) == alias
    )
    annotation: Any = field.annotation
    for item in field.metadata:
        annotation = Annotated[annotation, item]
    return TypeAdapter(annotation)


def _failures(prefix: tuple[str, ...], error: ValidationError) -> list[Failure]:
    return [
        Failure(
            property_path([*prefix, *entry["loc"]]),
            entry["msg"].removeprefix("Value error, "),
        )
        for entry in error.errors(include_url=False, include_input=False)
    ]


def unknown_outputs(*names: str) -> dict[str, Any]:
    """What a preview says of outputs that only the real thing gives."""
    return dict.fromkeys(names, UNKNOWN)
