"""Sandboxes that were asked for, and those of the pool, as the library draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra import naming
from infra.cluster.manifests import Manifest
from infra.config import Quota
from infra.operator import drawing
from infra.operator.drawing import Drawing
from infra.operator.pool import Member
from infra.sandbox import blueprint
from infra.sandbox.resource import PATH, Phase, Sandbox
from tests.live.support import drift
from tests.live.support.api import Api, location, say
from tests.live.support.lab import Lab

#: Seconds in which a sandbox that is being made or destroyed is seen whole, or not at all.
SETTLED = 60


def sandboxes(api: Api) -> list[Sandbox]:
    """Every Sandbox; none where the cluster has no such kind."""
    answer = api.get(PATH)
    if answer.status_code == 404:
        return []
    assert answer.status_code == 200, f"sandboxes cannot be listed: {say(answer)}"
    return [Sandbox.of(one) for one in answer.json()["items"]]


def members(namespaces: Iterable[Mapping[str, Any]]) -> list[Member]:
    """Those of these namespaces that nobody has asked for yet."""
    return [
        Member(one)
        for one in namespaces
        if naming.LABEL_POOL in (one["metadata"].get("labels") or {})
    ]


def identities(api: Api, namespaces: Iterable[Mapping[str, Any]]) -> set[str]:
    """Identities of all of these that are known: to a Sandbox, or as members of the pool.

    Namespaces are read before: an identity is in a status before anything has it.
    """
    named = {one.status.identity for one in sandboxes(api) if one.status.identity}
    return named | {one.identity for one in members(namespaces)}


def drawings(api: Api, lab: Lab, version: str, *, standing: bool = False) -> list[Drawing]:
    """What there is now, as it was drawn; only whole sandboxes if they must be `standing`: others
    are being made or taken away, or have fewer openings because they are suspended.
    """
    service = lab.config.sandbox_service
    if service is None:
        return []
    facts = blueprint.facts_of(lab.name, lab.config, version)
    quotas = {name: profile.quota for name, profile in service.profiles.items()}
    namespaces = api.items("/api/v1/namespaces", labelSelector=naming.LABEL_SANDBOX)
    found = [
        drawing.draw(one, one.status.identity, quotas.get(one.spec.profile, Quota()), facts)
        for one in sandboxes(api)
        if one.status.identity and (not standing or one.status.phase is Phase.READY)
    ]
    taken = {one.identity for one in found}
    return found + [
        drawing.member(one.identity, one.profile, quotas[one.profile], facts)
        for one in members(namespaces)
        if one.identity not in taken and one.profile in quotas and not (standing and one.going)
    ]


def faults(api: Api, wall: Manifest) -> list[str]:
    """What one wall has otherwise than drawn."""
    answer = api.get(location(wall))
    if answer.status_code != 200:
        return [f"it is gone ({say(answer)})"]
    return drift.differences(wall, answer.json())
