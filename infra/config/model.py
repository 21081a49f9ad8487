"""What all configuration has in common."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: A DNS label (RFC 1123), short enough that every name derived from it still is one.
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
#: From what everybody may read to what hurts people if it is lost; the order is that of the words.
Classification = Literal["public", "internal", "confidential", "restricted"]
CLASSIFICATIONS: tuple[Classification, ...] = get_args(Classification)


def faults(error: ValidationError) -> str:
    """Every fault by its path in the document, in one sentence without a full stop."""
    return "; ".join(_fault(entry["loc"], entry["msg"]) for entry in error.errors())


def _fault(location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    text = message.removeprefix("Value error, ").rstrip(".")
    return f"{path}: {text}" if path else text


class Model(BaseModel):
    """Unknown keys are refused: a misspelt protection must never be silently off.

    What was given is not repeated in errors: it may be a secret in the wrong place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
