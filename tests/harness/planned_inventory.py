"""A plan as a text that people review: types, names, parents, what is kept, and every property.

What the recording providers made up is written as the place that it comes from
(`{aws:kms/key:Key logs.arn}`), so a difference shows what the program changed and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from infra.engine.plan import Plan, Planned
from tests.harness import inventory

_HEAD: Final = """\
# What the program declares, by a preview with Pulumi's engine and the recording providers.
# Not written by hand: `pytest tests/golden --accept-golden`.
"""
#: Inputs that a provider's check adds: digests of files, which change with every role.
_COMPUTED: Final = ("digest", "baseImage", "version")
#: The same as yaml.SafeLoader, ten times as fast where libyaml is there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Shorter texts may stand in a property by chance.
_SHORTEST: Final = 8


def render(plan: Plan) -> str:
    """YAML, sorted by type, name and parent."""
    labels = {one.urn: f"{one.type} {one.name}" for one in plan.resources}
    origins = _origins(plan)
    entries = [_entry(one, labels, origins) for one in plan.resources if not _is_default(one)]
    entries.sort(key=lambda entry: (entry["type"], entry["name"], entry.get("parent", "")))
    return _HEAD + yaml.dump(
        entries,
        Dumper=_Dumper,
        sort_keys=False,
        width=100,
        allow_unicode=True,
        # The innermost maps and lists on one line: a resource stays in sight.
        default_flow_style=None,
    )


def read(text: str) -> list[dict[str, Any]]:
    """The entries of an accepted inventory."""
    return list(yaml.load(text, Loader=_Loader) or [])  # noqa: S506 - a safe one


def _is_default(one: Planned) -> bool:
    """Providers that Pulumi makes by itself."""
    return one.type.startswith("pulumi:providers:") and one.name.startswith("default")


class _Resource(dict[str, Any]):
    """An entry of the inventory: one line for each thing said of it."""


def _entry(one: Planned, labels: Mapping[str, str], origins: _Origins) -> dict[str, Any]:
    entry = _Resource({"type": one.type, "name": one.name})
    if one.parent:
        entry["parent"] = labels[one.parent]
    if not one.custom:
        entry["component"] = True
    if one.goes_with:
        entry["goes_with"] = labels[one.goes_with]
    if one.protect:
        entry["protected"] = True
    if one.retained:
        entry["retained"] = True
    provider = labels.get(one.provider, "")
    if provider and not provider.partition(" ")[2].startswith("default"):
        entry["provider"] = provider
    kept = {key: value for key, value in one.inputs.items() if key not in _COMPUTED}
    properties = origins.told(inventory.shown(one.type, kept), besides=one.urn)
    if properties:
        entry["properties"] = properties
    return entry


class _Origins:
    """Where made-up texts come from."""

    def __init__(self, found: Mapping[str, tuple[str, str]]) -> None:
        self._found = found
        known = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known)) or r"(?!)")

    def told(self, value: Any, *, besides: str) -> Any:
        """The value with the origin in place of each such text, and JSON as what it says."""
        if isinstance(value, Mapping):
            return {key: self.told(item, besides=besides) for key, item in value.items()}
        if isinstance(value, list):
            return [self.told(item, besides=besides) for item in value]
        if not isinstance(value, str):
            return value
        if value[:1] in ("{", "[") and (parsed := _json(value)) is not None:
            return self.told(parsed, besides=besides)

        def origin(match: re.Match[str]) -> str:
            urn, told = self._found[match[0]]
            return match[0] if urn == besides else told

        return self._pattern.sub(origin, value).replace(str(Path.home()), "~")


def _origins(plan: Plan) -> _Origins:
    """Made up is what no input says; what several resources say (a region) is no origin."""
    found: dict[str, tuple[str, str]] = {}
    ambiguous = {
        text
        for one in plan.resources
        if one.type.startswith("pulumi:providers:")
        for text in re.findall(r"[\w-]+", json.dumps(one.inputs))
    }
    for one in sorted(plan.resources, key=lambda one: one.urn):
        given = {text for _, text in _texts("", one.inputs)}
        for path, text in [("id", one.id), *_texts("", one.outputs)]:
            if len(text) < _SHORTEST or text in given or not _is_recorded(one):
                continue
            if found.setdefault(text, (one.urn, f"{{{one.type} {one.name}.{path}}}"))[0] != one.urn:
                ambiguous.add(text)
    return _Origins({text: told for text, told in found.items() if text not in ambiguous})


def _is_recorded(one: Planned) -> bool:
    return one.type.startswith(("aws:", "azure-native:"))


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(f"{path}[{index}]", item)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


class _Dumper(yaml.SafeDumper):
    """Long texts in blocks, and no anchors: a value is written where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _resource(dumper: yaml.SafeDumper, entry: _Resource) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", entry, flow_style=False)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Resource, _resource)
