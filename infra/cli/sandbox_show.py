"""How sandboxes that people ask for look: as documents, and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from infra.sandbox.client import OVER, said
from infra.sandbox.resource import Phase, Sandbox


def document(sandbox: Sandbox) -> dict[str, Any]:
    """What `--json` prints of a sandbox. Keys are only ever added."""
    spec, status = sandbox.spec, sandbox.status
    return {
        "name": sandbox.name,
        "phase": status.phase.value,
        "requester": spec.requester,
        "purpose": spec.purpose,
        "classification": spec.classification,
        "profile": spec.profile,
        "ttl": spec.ttl,
        "egress": [rule.model_dump(mode="json") for rule in spec.egress],
        "images": list(spec.images),
        "approvals": [one.by for one in spec.approvals],
        "rejection": spec.rejection.model_dump() if spec.rejection else None,
        "renewals": [
            {
                "name": one.name,
                "extend": one.extend,
                "reason": one.reason,
                "approvals": [by.by for by in one.approvals],
                "counted": one.name in status.renewed,
            }
            for one in spec.renewals
        ],
        "suspension": spec.suspension.model_dump() if spec.suspension else None,
        "namespace": status.namespace,
        "ready_at": _time(status.ready_at),
        "expires_at": _time(status.expires_at),
        "budget": status.budget or spec.budget,
        "cost_per_hour": status.cost_per_hour,
        "cost": cost(sandbox),
        "ending": status.ending,
        "certificate": status.certificate,
        "said": said(sandbox),
    }


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def table(sandboxes: Sequence[Sandbox]) -> RenderableType:
    """One line a sandbox; what it costs where something does."""
    found = Table(box=None, pad_edge=False)
    costs = ["cost"] if any(_euro(one) for one in sandboxes) else []
    columns = ["name", "phase", "requester", "classification", "profile", "left"]
    for column in [*columns, *costs, "waits for"]:
        found.add_column(column, overflow="fold")
    for one in sandboxes:
        spec = one.spec
        found.add_row(
            one.name,
            one.status.phase.value,
            spec.requester,
            spec.classification,
            spec.profile,
            left(one),
            *([_euro(one)] if costs else []),
            "; ".join(waits_for(one)),
        )
    return found


def lines(sandbox: Sandbox) -> list[str]:
    """Everything of one sandbox that people want to know."""
    spec, status = sandbox.spec, sandbox.status
    found = [
        f"{sandbox.name}: {status.phase}",
        f"  purpose         {spec.purpose}",
        f"  requester       {spec.requester}",
        f"  classification  {spec.classification}",
        f"  profile         {spec.profile}",
        f"  asked for       {spec.ttl}",
    ]
    if left(sandbox):
        found.append(f"  left            {left(sandbox)}")
    if _euro(sandbox):
        found.append(f"  cost            {_euro(sandbox)}")
    elif spec.budget:
        found.append(f"  may cost        {spec.budget} euro")
    if status.namespace:
        found.append(f"  namespace       {status.namespace}")
    found += [
        f"  reaches         {rule.cidr} {rule.protocol} {rule.port}: {rule.reason}"
        for rule in spec.egress
    ]
    found += [f"  may run         {image}" for image in spec.images]
    found += [f"  approved by     {one.by}" for one in spec.approvals]
    if spec.rejection:
        found.append(f"  rejected by     {spec.rejection.by}: {spec.rejection.reason}")
    for renewal in spec.renewals:
        by = ", ".join(one.by for one in renewal.approvals) or "nobody yet"
        found.append(f"  {renewal.name:<15} {renewal.extend} more, approved by {by}")
    if spec.suspension:
        found.append(f"  suspended by    {spec.suspension.by}: {spec.suspension.reason}")
    found += [f"  waits for       {what}" for what in waits_for(sandbox)]
    if status.phase in OVER:
        found += [f"  said            {message}" for message in said(sandbox)[-1:]]
    if status.certificate:
        found.append(f"  certificate     {status.certificate}")
    return found


def cost(sandbox: Sandbox, now: datetime | None = None) -> str | None:
    """What it has cost, in euro: while it lives by this host's clock, then as was written down."""
    status = sandbox.status
    if status.ready_at is None or status.cost_per_hour is None or status.phase in OVER:
        return status.cost
    hours = (max((now or datetime.now(UTC)) - status.ready_at, timedelta())) / timedelta(hours=1)
    return f"{float(status.cost_per_hour) * hours:.2f}"


def _euro(sandbox: Sandbox) -> str:
    spent, status = cost(sandbox), sandbox.status
    if spent is None:
        return ""
    most = f" of {status.budget}" if status.budget else ""
    return f"{spent}{most} euro, {status.cost_per_hour} an hour"


def left(sandbox: Sandbox, now: datetime | None = None) -> str:
    """How long it lives on, by this host's clock; empty if it has no end yet or has ended.

    What counts is the API server's time; this is for people.
    """
    expires = sandbox.status.expires_at
    if expires is None or sandbox.status.phase in OVER:
        return ""
    rest = max(expires - (now or datetime.now(UTC)), timedelta())
    minutes = int(rest.total_seconds()) // 60
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"


def waits_for(sandbox: Sandbox) -> list[str]:
    """What somebody has to do before it goes on."""
    status = sandbox.status
    if status.phase in OVER or sandbox.spec.rejection:
        return []
    found = []
    if status.phase is Phase.REQUESTED:
        told = [one.message for one in status.conditions if one.reason == "AwaitingApproval"]
        count = len(sandbox.spec.approvals)
        full = [
            one.message
            for one in status.conditions
            if one.type == "QuotaExceeded" and one.status == "True"
        ]
        if full:
            found += [f"room ({message})" for message in full]
        else:
            found.append(f"approval ({told[0] if told else f'{count} so far'})")
    if sandbox.spec.suspension:
        found.append("a security officer")
    found += [
        f"approval of {one.name}" for one in sandbox.spec.renewals if one.name not in status.renewed
    ]
    return found
