"""What a sandbox costs, and until when its budget lasts. Pure.

Money is euro, in `Decimal`. Time counts from when the sandbox was seen to be isolated until it is
ended, whether or not it is suspended: what it holds is held. Price and budget are written into its
status when its life begins, so that a configuration that changes later changes nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal

from infra.sandbox.resource import Sandbox, Status

_CENT = Decimal("0.01")
_HOUR = 3600
#: No sandbox lives for years (`infra.config.requests.LONGEST`).
_LONGER_THAN_ANY = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Price:
    """Of a profile: euro an hour, and what one sandbox of it may cost."""

    per_hour: Decimal = Decimal(0)
    #: Of a request that names none.
    usual: Decimal | None = None
    #: No request gets more.
    largest: Decimal | None = None

    def budget(self, asked: str | None) -> Decimal | None:
        """What a request may cost; None: as much as its time costs."""
        wanted = self.usual if asked is None else Decimal(asked)
        if wanted is None or self.largest is None:
            return wanted if wanted is not None else self.largest
        return min(wanted, self.largest)


def lasts(budget: Decimal, per_hour: Decimal) -> timedelta:
    """How long a budget lasts: whole seconds, never one too many.

    Raises:
        ValueError: nothing is ever spent at that price.
    """
    if per_hour <= 0:
        raise ValueError("what costs nothing lasts for ever")
    return timedelta(seconds=int(budget * _HOUR // per_hour))


def end(status: Status) -> datetime | None:
    """When the budget is spent; None if it never is."""
    return _when(status, Decimal(1))


def warning(status: Status, part: Decimal) -> datetime | None:
    """When this part of the budget is spent; None if it never is."""
    return _when(status, part)


def cost(status: Status, now: datetime) -> Decimal | None:
    """What it has cost until `now`, rounded up to cents; None if it has no life or no price."""
    if status.ready_at is None or status.cost_per_hour is None:
        return None
    seconds = int(max(now - status.ready_at, timedelta()).total_seconds())
    spent = Decimal(status.cost_per_hour) * seconds / _HOUR
    return spent.quantize(_CENT, rounding=ROUND_UP)


def agreed(sandbox: Sandbox, price: Price) -> dict[str, str]:
    """Fields of the status of a life that begins."""
    if price.per_hour <= 0:
        return {}
    fields = {"cost_per_hour": f"{price.per_hour:f}"}
    budget = price.budget(sandbox.spec.budget)
    return fields if budget is None else {**fields, "budget": f"{budget:f}"}


def _when(status: Status, part: Decimal) -> datetime | None:
    if status.ready_at is None or status.budget is None or status.cost_per_hour is None:
        return None
    per_hour = Decimal(status.cost_per_hour)
    if per_hour <= 0:
        return None
    until = lasts(Decimal(status.budget) * part, per_hour)
    # A calendar ends before some budgets do.
    return None if until > _LONGER_THAN_ANY else status.ready_at + until
