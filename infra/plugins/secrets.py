"""Secrets on their way through a plugin: in unwrapped, out marked again, never in a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.plugins.values import Secret, contains_secret

#: Shorter texts ("on", "1") would blank out half of every message.
_SHORTEST = 4


def mark(outputs: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """`outputs` with every property secret that is secret in `inputs`, as the engine does it.

    Maps are followed key by key; of a list that holds a secret, the whole list is secret.
    """
    marked = dict(outputs)
    for key, given in inputs.items():
        if key not in marked:
            continue
        value = marked[key]
        if isinstance(value, Mapping) and isinstance(given, Mapping):
            marked[key] = mark(dict(value), given)
        elif contains_secret(given) and not isinstance(value, Secret):
            marked[key] = Secret(value)
    return marked


def _leaves(value: Any, within: bool) -> Iterator[str]:
    match value:
        case Secret():
            yield from _leaves(value.value, True)
        case Mapping():
            for item in value.values():
                yield from _leaves(item, within)
        case list():
            for item in value:
                yield from _leaves(item, within)
        case str() if within and len(value) >= _SHORTEST:
            yield value


def secret_texts(*values: Any) -> frozenset[str]:
    """Every secret string in `values`."""
    return frozenset(text for value in values for text in _leaves(value, False))


def scrub(message: str, secrets: frozenset[str]) -> str:
    """`message` without the secrets; the longest first, since one may be part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "[secret]")
    return message
