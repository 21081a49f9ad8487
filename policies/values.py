"""Properties of resources as Pulumi hands them over, and what is not known of them yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.marks import (
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN_TEXT,
    UNKNOWN_TEXTS,
)

#: What stands for a value that is only known after deployment, by its type.
UNKNOWNS: Final = UNKNOWN_TEXTS
UNKNOWN: Final = UNKNOWN_TEXT
_SHOWN: Final = 60


class Undecided(Exception):
    """A value that decides is not known before deployment."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not known before deployment")
        self.path = path


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that may be looked at and never shown."""

    value: Any


def plain(value: Any) -> Any:
    """Properties of the wire or of a plan with secrets as `Secret`; assets and references as texts.

    Args:
        value: JSON, with Pulumi's signed objects for what JSON has no words for.
    """
    if isinstance(value, Mapping):
        if SIGNATURE_KEY in value:
            return _signed(value)
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    # JSON and protobuf know one kind of number, CEL knows two.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _signed(value: Mapping[str, Any]) -> Any:
    match value[SIGNATURE_KEY]:
        case signature if signature == SECRET_SIGNATURE:
            # In a state secrets are ciphertexts, of which nothing can be told.
            return Secret(plain(value["value"]) if "value" in value else UNKNOWN)
        case signature if signature == OUTPUT_SIGNATURE:
            inner = plain(value["value"]) if "value" in value else UNKNOWN
            return Secret(inner) if value.get("secret") else inner
        case _:
            return str(value.get("id") or value.get("urn") or value.get("hash") or "")


def values(properties: Any, path: str) -> list[Any]:
    """What lies at a path; `*` stands for every item of a list. What is missing is None, and so is
    the one item of a list that is missing or empty: a rule about items wants some.

    Raises:
        Undecided: something on the way is not known yet.
    """
    found = [properties]
    done: list[str] = []
    for part in path.split("."):
        done.append(part)
        if part == "*":
            found = [item for one in found for item in _items(one)]
        else:
            found = [one.get(part) if isinstance(one, dict) else None for one in found]
        found = [one.value if isinstance(one, Secret) else one for one in found]
        if any(isinstance(one, str) and one in UNKNOWNS for one in found):
            raise Undecided(".".join(done))
    return found


def _items(found: Any) -> list[Any]:
    return found if isinstance(found, list) and found else [None]


def value(properties: Any, path: str) -> Any:
    """What lies at a path without `*`."""
    (found,) = values(properties, path)
    return found


def unknown_paths(value: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where something is not known yet; items of lists have no part of their own."""
    match value:
        case dict():
            for key, item in value.items():
                yield from unknown_paths(item, (*before, key))
        case list():
            for item in value:
                yield from unknown_paths(item, before)
        case Secret():
            yield from unknown_paths(value.value, before)
        case str() if value in UNKNOWNS:
            yield before


def known(value: Any) -> Any:
    """The same without the marks on secrets, for evaluators of which nothing is shown."""
    match value:
        case Secret():
            return known(value.value)
        case dict():
            return {key: known(item) for key, item in value.items()}
        case list():
            return [known(item) for item in value]
        case _:
            return value


def shown(value: Any) -> str:
    """A value for a message; secrets and long texts are not shown."""
    match value:
        case None:
            return "not set"
        case bool() | int() | float():
            return str(value).lower() if isinstance(value, bool) else str(value)
        case str() if len(value) <= _SHOWN:
            return repr(value)
        case list() if not value:
            return "empty"
        case _:
            return "another one"
