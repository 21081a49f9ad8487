"""A deployment as a text that people review: types, names, parents, and what protects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from infra.cluster.images import ANNOTATION_ARCHIVE
from tests.harness.deploy import Deployment, Resource

#: Tag of the lab's own image: a digest of sources, which changes with each of them.
_TAG = re.compile(r"(/ai-lab):[0-9a-f]{12}\b")
_HEAD = """\
# What the program declares, over mocks. Not written by hand: `pytest tests/golden --accept-golden`.
"""


def render(deployment: Deployment) -> str:
    """YAML, sorted by type and name, so that a difference shows what changed and nothing else."""
    entries = sorted(
        (_entry(deployment, resource) for resource in deployment.resources),
        key=lambda entry: (entry["type"], entry["name"]),
    )
    return _HEAD + yaml.safe_dump(entries, sort_keys=False, width=100, allow_unicode=True)


def _entry(deployment: Deployment, resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": resource.type,
        "name": resource.name,
        "parent": _label(deployment, resource.parent),
    }
    if resource.deleted_with:
        entry["goes_with"] = _label(deployment, resource.deleted_with)
    if resource.retain_on_delete:
        entry["retained"] = True
    properties = shown(resource.type, resource.inputs)
    if properties:
        entry["properties"] = properties
    return entry


def _label(deployment: Deployment, urn: str) -> str:
    kind, _, name = urn.rpartition("::")
    known = {resource.urn: resource.type for resource in deployment.resources}
    return f"{known[urn]} {name}" if urn in known else kind.rpartition("::")[2]


def shown(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """All inputs but the way in, which is the same everywhere and said by one other test."""
    kept = {key: value for key, value in inputs.items() if key != "connection"}
    if kind == "ailab:ansible:Playbook":
        variables = dict(kept["variables"])
        kept["variables"] = {**variables, "lab_artifacts": sorted(variables["lab_artifacts"])}
        kept["hosts"] = {host["name"]: host["groups"] for host in kept["hosts"]}
    sorted_properties: dict[str, Any] = _sorted(kept)
    return sorted_properties


def _sorted(value: Any) -> Any:
    """Keys in order: between program and engine maps have none. Lists keep theirs. Without what
    says of which sources the lab's own image is made.
    """
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value) if key != ANNOTATION_ARCHIVE}
    if isinstance(value, str):
        return _TAG.sub(r"\1:DIGEST", value)
    return [_sorted(item) for item in value] if isinstance(value, list) else value
