"""Comparison of property values, told in Pulumi's property paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from infra.plugins.resource import Change
from infra.plugins.values import UNKNOWN

Path = tuple[str | int, ...]

#: Told apart from None, which is a value.
_ABSENT = object()

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def property_path(parts: Sequence[str | int]) -> str:
    """Pulumi's spelling of a path: `spec.containers[0].image`, `labels["a.b/c"]`."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def changed_paths(old: Any, new: Any, path: Path = ()) -> dict[Path, Change]:
    """Every path at which `new` differs from `old`. An unknown new value counts as changed."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: dict[Path, Change] = {}
        for key in dict.fromkeys([*old, *new]):
            found |= _changed(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = {}
        pairs = zip_longest(old, new, fillvalue=_ABSENT)
        for index, (one, other) in enumerate(pairs):
            found |= _changed(one, other, (*path, index))
        return found
    same = new is not UNKNOWN and type(old) is type(new) and old == new
    both_numbers = all(isinstance(side, int | float) for side in (old, new))
    same = same or (both_numbers and bool not in (type(old), type(new)) and old == new)
    return {} if same else {path: "update"}


def _changed(old: Any, new: Any, path: Path) -> dict[Path, Change]:
    if old is _ABSENT:
        return {path: "add"}
    if new is _ABSENT:
        return {path: "delete"}
    return changed_paths(old, new, path)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Change]:
    """`changed_paths` in the spelling that `Diff.changes` wants."""
    return {property_path(path): kind for path, kind in changed_paths(old, new).items()}
