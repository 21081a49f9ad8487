"""Comparison of what the program says with what the API shows. Pure.

The API adds defaults and rewrites values (`1000m` becomes `1`), so neither side is compared with
the other directly: always the API's answer now with the API's answer then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from infra.offline.kubernetes.objects import Manifest, metadata
from infra.offline.kubernetes.readiness import group_of
from infra.plugins import UNKNOWN, Change
from infra.plugins.diffing import Path, changed_paths, property_path

_ABSENT: Final = object()

#: How the API's validation says that an update cannot do it (k8s.io/kubernetes:
#: pkg/apis/*/validation; apimachinery: api/validation/objectmeta.go).
_IMMUTABLE: Final = re.compile(
    r"immutable|may not (be )?chang|cannot (be )?chang|updates? to .*forbidden"
    r"|may not be (updated|modified|set once)|must not be changed",
    re.IGNORECASE,
)


def is_immutable(message: str) -> bool:
    """Whether a cause of the API's `Invalid` means: only a new object can have this."""
    return bool(_IMMUTABLE.search(message))


def identity_changes(
    old: Manifest, new: Manifest, *, old_id: tuple[str | None, str], default_namespace: str
) -> frozenset[Path]:
    """Paths whose change makes it another object. Another version of the same group does not."""
    namespace, name = old_id
    found: set[Path] = set()
    if old.get("kind") != new.get("kind"):
        found.add(("kind",))
    if group_of(old) != group_of(new):
        found.add(("apiVersion",))
    if metadata(new).get("name") != name:
        found.add(("metadata", "name"))
    wanted = metadata(new).get("namespace") or default_namespace
    if namespace is not None and wanted != namespace:
        found.add(("metadata", "namespace"))
    return frozenset(found)


def effective(
    changes: Mapping[Path, Change], new: Manifest, then: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[Path, Change]:
    """The changes that change anything: `then` is the last known state, `now` the dry run's.

    A change is dropped only where both surely show the same field with the same value.
    """
    return {path: kind for path, kind in changes.items() if not _same(path, new, then, now)}


def _same(path: Path, new: Any, then: Any, now: Any) -> bool:
    for part in path:
        if isinstance(part, int):
            lists = [side for side in (new, then, now) if isinstance(side, list)]
            # Others may add elements; then an index means different ones on each side.
            if len(lists) != 3 or len({len(side) for side in lists}) != 1:
                return False
        new, then, now = (_child(side, part) for side in (new, then, now))
    return _equal(_plain(then), _plain(now))


def _equal(one: Any, other: Any) -> bool:
    """As JSON: `false` is not `0`, although Python says so; `1` is `1.0`."""
    return not changed_paths(one, other)


def _plain(value: Any) -> Any:
    return None if value is _ABSENT else value


def _child(side: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return side[part] if isinstance(side, list) and part < len(side) else _ABSENT
    return side.get(part, _ABSENT) if isinstance(side, Mapping) else _ABSENT


def replacing(changes: Iterable[Path], fields: Iterable[str]) -> frozenset[str]:
    """The changed paths that lie at or below (or above) the fields that the API refused."""
    texts = [property_path(path) for path in changes]
    found = {
        text
        for text in texts
        for field in fields
        if text.startswith(field) or field.startswith(text)
    }
    return frozenset(found or texts)


def merge_live(desired: Any, known: Any, live: Any) -> Any:
    """The inputs that would explain what is live: `desired`, except where live has drifted.

    `known` is the API's last answer; where live still equals it, nothing has drifted, however
    the API spells it. Fields that the program does not set are not looked at.
    """
    if _equal(live, known):
        return desired
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        before = known if isinstance(known, Mapping) else {}
        return _merge_maps(desired, before, live)
    sides = (desired, known, live)
    if all(isinstance(side, list) for side in sides) and len({len(s) for s in sides}) == 1:
        return [merge_live(*triple) for triple in zip(*sides, strict=True)]
    return live


def _merge_maps(
    desired: Mapping[str, Any], known: Mapping[str, Any], live: Mapping[str, Any]
) -> dict[str, Any]:
    merged = {}
    for key, value in desired.items():
        if key in live:
            merged[key] = merge_live(value, known.get(key, value), live[key])
        elif key not in known:
            merged[key] = value  # never shown, such as an empty list
    return merged


def preview_outputs(
    shown: Mapping[str, Any], *, new: bool, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A dry run's object (or, without one, the inputs) as far as the real run gives the same.

    `given` is what the program says; of a new object nearly all else is not known yet.
    """
    kept = {
        key: value
        for key, value in metadata(shown).items()
        if key not in ("resourceVersion", "managedFields", "generation")
    }
    if not new:
        return {**shown, "metadata": kept}
    outputs = {
        **shown,
        "metadata": {**kept, "uid": UNKNOWN, "creationTimestamp": UNKNOWN},
        "status": UNKNOWN,
    }
    if shown.get("kind") == "Service" and isinstance(shown.get("spec"), Mapping):
        # The addresses of a dry run are given back at once.
        asked = given.get("spec") or {}
        fresh = {key: UNKNOWN for key in ("clusterIP", "clusterIPs") if key not in asked}
        outputs["spec"] = {**shown["spec"], **fresh}
    return outputs
