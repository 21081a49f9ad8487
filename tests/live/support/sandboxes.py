"""Sandboxes of examples, made as people make them: whoever asks, approves or suspends says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from infra import naming
from infra.cluster import manifests
from policies import examples
from tests.live.support.api import Api, location, say

Manifest = dict[str, Any]
_SAID = ("approvals", "renewals", "rejection", "suspension")
_KEPT = ("finalizers", "labels", "annotations")


def namespace(api: Api, name: str, stack: ExitStack, **annotations: str) -> None:
    """Makes the namespace of a sandbox with its workloads' account, until the stack ends."""
    manifest = examples.requested_namespace(annotations=annotations)
    manifest["metadata"]["name"] = name
    _must(api.create(manifest))
    stack.callback(api.delete, location(manifest))
    _must(api.create(manifests.service_account(name, naming.SANDBOX_SERVICE_ACCOUNT, {})))


def make(manifest: Mapping[str, Any], acting_as: Callable[[str], Api], operator: Api) -> str:
    """Makes it, and returns its path. Nobody, the administrator neither, could do it at once."""
    spec = dict(manifest["spec"])
    asked = {key: value for key, value in spec.items() if key not in _SAID}
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _KEPT}
    requester = acting_as(spec["requester"])
    path = location(manifest)
    made = requester.create({**manifest, "metadata": metadata, "spec": asked})
    _must(made)
    spec = of(spec, made.json()["metadata"]["uid"])
    _approved(spec.get("approvals", []), acting_as, path, _asked_for)
    renewals: list[Manifest] = []
    for renewal in spec.get("renewals", []):
        _must(requester.patch(path, {"spec": _with(renewals, renewal, [])}))
        _approved(renewal.get("approvals", []), acting_as, path, partial(_with, renewals, renewal))
        renewals.append(renewal)
    for verdict in ("rejection", "suspension"):
        if said := spec.get(verdict):
            _must(acting_as(said["by"]).patch(path, {"spec": {verdict: said}}))
    kept = {key: manifest["metadata"][key] for key in _KEPT if key in manifest["metadata"]}
    if kept:
        _must(operator.patch(path, {"metadata": kept}))
    if status := manifest.get("status"):
        _must(operator.patch(f"{path}/status", {"status": status}))
    return path


def of(example: Mapping[str, Any], uid: str) -> Manifest:
    """An example, or a part of one, about the object that has this uid."""
    found: Manifest = json.loads(json.dumps(example).replace(f'"{examples.UID}"', f'"{uid}"'))
    return found


def _asked_for(approvals: list[Manifest]) -> Manifest:
    return {"approvals": approvals}


def _with(before: list[Manifest], renewal: Manifest, approvals: list[Manifest]) -> Manifest:
    return {"renewals": [*before, {**renewal, "approvals": approvals}]}


def _approved(
    approvals: list[Manifest],
    acting_as: Callable[[str], Api],
    path: str,
    change: Callable[[list[Manifest]], Manifest],
) -> None:
    for number, approval in enumerate(approvals, start=1):
        _must(acting_as(approval["by"]).patch(path, {"spec": change(approvals[:number])}))


def _must(answer: Any) -> None:
    assert answer.is_success, f"a sandbox of the examples is refused: {say(answer)}"
