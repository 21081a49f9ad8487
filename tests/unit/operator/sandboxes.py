"""Sandboxes as the API server might have them, for tests of the operator's parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from infra.operator.budget import Price
from infra.operator.life import Done, Rules
from infra.sandbox.resource import (
    FINALIZER,
    Approval,
    Condition,
    Phase,
    Renewal,
    Sandbox,
    Spec,
    Status,
    Verdict,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = Rules(
    approvals={"public": 0, "internal": 1, "confidential": 2, "restricted": 2},
    longest_life=timedelta(hours=24),
    profiles=frozenset({"small", "large"}),
    prices={"large": Price(Decimal("2.4"), usual=Decimal(24), largest=Decimal(48))},
)
REQUESTER = "requester@example.org"
OTHERS = ("one@example.org", "two@example.org", "three@example.org")
NO = Verdict(by=OTHERS[0], reason="not what we agreed")


def sandbox(
    *,
    phase: Phase = Phase.REQUESTED,
    approved_by: tuple[str, ...] = (),
    renewals: tuple[Renewal, ...] = (),
    done: tuple[Done, ...] = (),
    status: dict[str, Any] | None = None,
    finalizers: tuple[str, ...] = (FINALIZER,),
    deleted: bool = False,
    **spec: Any,
) -> Sandbox:
    """A sandbox; `done` are its true conditions."""
    said = {"classification": "internal", "ttl": "8h", **spec}
    return Sandbox(
        name="demo",
        uid="00000000-0000-0000-0000-000000000001",
        finalizers=finalizers,
        deleted_at=NOW if deleted else None,
        spec=Spec(
            purpose="for a test",
            requester=REQUESTER,
            approvals=tuple(Approval(by=by) for by in approved_by),
            renewals=renewals,
            **said,
        ),
        status=Status(
            phase=phase,
            conditions=tuple(
                Condition(type=one, status="True", reason="Done", last_transition_time=NOW)
                for one in done
            ),
            **(status or {}),
        ),
    )


def renewal(name: str, extend: str = "4h", approved_by: tuple[str, ...] = ()) -> Renewal:
    return Renewal(
        name=name,
        extend=extend,
        reason="it takes longer",
        approvals=tuple(Approval(by=by) for by in approved_by),
    )
