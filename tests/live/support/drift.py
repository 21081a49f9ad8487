"""A live Kubernetes object against the one that was asked for: every difference in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.sandbox.quantity import amount

#: Parts of an object that say what it does; status and the server's own book-keeping do not.
_PARTS = (
    "spec",
    "rules",
    "roleRef",
    "subjects",
    "automountServiceAccountToken",
    "data",
    "webhooks",
)
#: Parts in which the server fills in defaults, so that more than asked for may be there.
_DEFAULTED = ("Namespace",)
#: Kinds in whose depths the server fills in defaults: only what was asked for is compared.
_FILLED = ("Deployment",)


def differences(asked: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
    """What a live object has otherwise than asked for; empty if nothing."""
    found = []
    for field in ("labels", "annotations"):
        wanted = asked["metadata"].get(field) or {}
        there = live["metadata"].get(field) or {}
        found += [
            f"{field[:-1]} {key} is {there.get(key)!r}, not {value!r}"
            for key, value in wanted.items()
            if there.get(key) != value
        ]
    if asked["kind"] in _FILLED:
        live = _within(asked, live)
    for part in _PARTS:
        if part in asked or (part in live and asked["kind"] not in _DEFAULTED):
            found += _compare(part, asked.get(part), live.get(part))
    return found


def _within(asked: Any, live: Any) -> Any:
    """What there is of the fields that were asked for."""
    if isinstance(asked, Mapping) and isinstance(live, Mapping):
        return {key: _within(value, live[key]) for key, value in asked.items() if key in live}
    if _is_list(asked) and _is_list(live) and len(asked) == len(live):
        return [_within(one, other) for one, other in zip(asked, live, strict=True)]
    return live


def _compare(path: str, asked: Any, live: Any) -> list[str]:
    if isinstance(asked, Mapping) and isinstance(live, Mapping):
        return [
            fault
            for key in sorted({*asked, *live})
            for fault in _compare(f"{path}.{key}", asked.get(key), live.get(key))
        ]
    if _is_list(asked) and _is_list(live) and len(asked) == len(live):
        return [
            fault
            for index, (one, other) in enumerate(zip(_sorted(asked), _sorted(live), strict=True))
            for fault in _compare(f"{path}[{index}]", one, other)
        ]
    if _is_list(asked) and _is_list(live):
        more = [entry for entry in live if entry not in asked]
        less = [entry for entry in asked if entry not in live]
        return [f"{path} has {more} besides" for _ in more[:1]] + [
            f"{path} lacks {less}" for _ in less[:1]
        ]
    return [] if _same(asked, live) else [f"{path} is {live!r}, not {asked!r}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _sorted(values: Sequence[Any]) -> list[Any]:
    return sorted(values, key=str) if all(isinstance(v, str) for v in values) else list(values)


def _same(asked: Any, live: Any) -> bool:
    if asked == live or (not asked and not live and asked is not False and live is not False):
        return True
    try:
        return amount(str(asked)) == amount(str(live))  # 2000m is 2
    except ValueError:
        return False
