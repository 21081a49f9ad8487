"""Free-form settings of roles and auth methods, compared as Vault means them.

Vault answers in other words than it was asked in: "15m" becomes 900, "a,b" a list, and every
setting that was not given appears with its default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic.functional_validators import AfterValidator

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Settings that carry a secret, which has no place in a program or in state.
_SECRET = frozenset(
    {
        "api_token",
        "bindpass",
        "client_secret",
        "client_tls_key",
        "credentials",
        "keytab",
        "oidc_client_secret",
        "password",
        "private_key",
        "secret",
        "secret_key",
        "token_reviewer_jwt",
    }
)


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(_SECRET & values.keys()):
        raise ValueError(f"{name} takes a secret: it would end up in Pulumi's state")
    return values


Parameters = Annotated[dict[str, Any], AfterValidator(_without_secrets)]


def in_terms_of(
    declared: Mapping[str, Any], live: Mapping[str, Any], baseline: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The live settings as the declaration would say them.

    A declared setting that still means the same keeps its declared form. A setting that was
    not declared is shown only if it is no longer what Vault chose at first (`baseline`; None
    before that is known): somebody set it. State keeps no empty values, so what the baseline
    lacks was empty.
    """
    said = {
        key: value if equivalent(value, live[key]) else live[key]
        for key, value in declared.items()
        if key in live
    }
    if baseline is None:
        return said
    strayed = {
        key: value
        for key, value in undeclared(declared, live).items()
        if not equivalent(value, baseline.get(key))
    }
    return said | strayed


def undeclared(declared: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that Vault chose."""
    return {key: value for key, value in live.items() if key not in declared}


def equivalent(one: Any, other: Any) -> bool:
    """Whether Vault means the same by both."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equivalent(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        return sorted(_items(one)) == sorted(_items(other))
    if _is_number(one) or _is_number(other):
        return _seconds(one) == _seconds(other)
    return _text(one) == _text(other)


def _items(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [_text(item) for item in value]
    return [_text(item) for item in _text(value).split(",") if item.strip()]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(value: Any) -> float | str:
    """A duration in seconds; what is not one stays as it is and so equals no number."""
    if _is_number(value):
        return float(value)
    text = _text(value) or "0"
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if not re.fullmatch(rf"({_NUMBER}[smhd])+", text):
        return text
    return sum(
        float(amount) * _UNITS[unit] for amount, unit in re.findall(rf"({_NUMBER})([smhd])", text)
    )


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return repr({key: _text(item) for key, item in sorted(value.items())})
    # Vault prints a network of one address without its mask.
    return str(value).strip().removesuffix("/32")
