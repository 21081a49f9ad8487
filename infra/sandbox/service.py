"""What a cluster has so that sandboxes can be asked for. Pure: no Pulumi, no cluster."""

from __future__ import annotations

from typing import Any

from infra import naming
from infra.cluster.manifests import Manifest
from infra.config import People
from infra.config.lab import Lab
from infra.sandbox import roles, transfer_definition
from infra.sandbox.definition import Limits, definition
from infra.sandbox.quantity import amount
from infra.sandbox.transfer_definition import TransferLimits

_RBAC = "rbac.authorization.k8s.io"


def extensions(lab: Lab | None = None) -> list[Manifest]:
    """Objects for the cluster's baseline, in the order of applying.

    Every cluster knows what a Sandbox and a Transfer are and who could have which right. Only the
    primary cluster of a `lab` whose configuration has the service gives these rights to somebody.
    """
    if lab is None or lab.sandbox_service is None:
        return [definition(), transfer_definition.definition(), *roles.roles()]
    return [
        definition(limits(lab)),
        transfer_definition.definition(transfer_limits(lab)),
        *roles.roles(),
        *_bindings(lab),
    ]


def limits(lab: Lab) -> Limits:
    """What can be asked for in a lab."""
    if lab.sandbox_service is None:
        return Limits()
    return Limits(
        classifications=lab.carried,
        profiles=tuple(lab.sandbox_service.profiles),
        longest=lab.sandbox_service.longest_life,
        budgets={
            name: profile.largest_budget
            for name, profile in lab.sandbox_service.profiles.items()
            if profile.largest_budget is not None
        },
    )


def transfer_limits(lab: Lab) -> TransferLimits:
    """Which files can be asked for in a lab."""
    if lab.sandbox_service is None:
        return TransferLimits()
    airlock = lab.sandbox_service.airlock
    return TransferLimits(
        files=airlock.files,
        largest=int(amount(airlock.largest)),
        total=int(amount(airlock.total)),
        types=airlock.types,
    )


def _bindings(lab: Lab) -> list[Manifest]:
    service = lab.sandbox_service
    if service is None:
        return []
    people = {
        naming.REQUESTER_ROLE: service.requesters,
        naming.APPROVER_ROLE: service.approvers,
        naming.OFFICER_ROLE: service.security_officers,
    }
    account = {
        "kind": "ServiceAccount",
        "name": naming.OPERATOR,
        "namespace": naming.OPERATOR_NAMESPACE,
    }
    return [
        *(roles.binding(role, _subjects(who)) for role, who in people.items() if who),
        roles.binding(naming.OPERATOR_ROLE, [account]),
    ]


def _subjects(people: People) -> list[dict[str, Any]]:
    return [
        {"apiGroup": _RBAC, "kind": kind, "name": name}
        for kind, names in (("User", people.users), ("Group", people.groups))
        for name in names
    ]
