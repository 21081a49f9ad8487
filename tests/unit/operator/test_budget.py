"""What sandboxes cost, when their budget is spent, and how many may live: arithmetic and decisions.

Each rule that could be left out has a test that says what would happen then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.operator import budget, life, room
from infra.operator.budget import Price
from infra.operator.life import Act, Done, Limits, Step, Wait, decide
from infra.operator.transitions import after
from infra.sandbox.resource import Ending, Phase, Sandbox, Status
from tests.unit.operator.sandboxes import NOW, OTHERS, RULES, renewal, sandbox

EUROS = st.decimals("0.01", "999999", places=2)
PRICES = st.decimals("0.01", "100", places=2)
#: Two euro and forty cents an hour, for ten hours.
LARGE: dict[str, Any] = {
    "ready_at": NOW,
    "expires_at": NOW + timedelta(hours=10),
    "identity": "x-abc",
    "cost_per_hour": "2.4",
    "budget": "24",
}


def large(**status: Any) -> Sandbox:
    return sandbox(phase=Phase.READY, profile="large", status=LARGE | status, ttl="20h")


def step_of(found: Act | Wait) -> Step | None:
    return found.step if isinstance(found, Act) else None


@given(EUROS, PRICES)
def test_no_budget_is_outspent(most: Decimal, per_hour: Decimal) -> None:
    lasts = budget.lasts(most, per_hour)
    second = Fraction(per_hour) / 3600
    exact = int(lasts.total_seconds()) * second
    assert Fraction(most) - second < exact <= Fraction(most)
    status = Status(ready_at=NOW, cost_per_hour=str(per_hour), budget=str(most))
    if lasts > timedelta(days=3650):
        assert budget.end(status) is None, "nothing lives that long, and the calendar ends"
        return
    assert budget.end(status) == NOW + lasts
    spent = budget.cost(status, NOW + lasts)
    assert spent is not None
    assert spent <= most


@given(PRICES, st.integers(0, 10**7), st.integers(0, 10**7))
def test_cost_only_grows(per_hour: Decimal, first: int, more: int) -> None:
    status = Status(ready_at=NOW, cost_per_hour=str(per_hour))
    before = budget.cost(status, NOW + timedelta(seconds=first))
    later = budget.cost(status, NOW + timedelta(seconds=first + more))
    assert before is not None
    assert later is not None
    assert 0 <= before <= later


def test_what_is_agreed() -> None:
    price = Price(Decimal("2.4"), usual=Decimal(24), largest=Decimal(48))
    assert price.budget(None) == 24
    assert price.budget("30") == 30
    assert price.budget("100") == 48, "a limit that was lowered meanwhile holds"
    assert Price(Decimal(1), largest=Decimal(9)).budget(None) == 9
    assert Price(Decimal(1)).budget(None) is None
    # A profile that costs nothing has no budget to spend, whatever was asked for.
    assert budget.agreed(sandbox(budget="5"), Price()) == {}


def test_price_and_budget_of_a_life_do_not_change() -> None:
    asked = sandbox(
        phase=Phase.PROVISIONING, profile="large", ttl="20h", approved_by=OTHERS[:1],
        done=(Done.PROVISIONED,),
    )  # fmt: skip
    status = after(asked, Act(Step.PROBE), NOW, RULES)
    assert (status.cost_per_hour, status.budget) == ("2.4", "24")
    assert status.expires_at == NOW + timedelta(hours=10), "it ends when the budget does"
    lived = asked.model_copy(update={"status": status})
    dearer = life.Rules(
        approvals=RULES.approvals,
        longest_life=RULES.longest_life,
        profiles=RULES.profiles,
        prices={"large": Price(Decimal(1000))},
    )
    assert life.end_of(lived, dearer) == status.expires_at


def test_it_ends_when_its_budget_is_spent_and_not_before() -> None:
    # A status that promises more time than the budget lasts is not believed.
    found = large(expires_at=NOW + timedelta(hours=20))
    found = _done(found, Act(Step.WARN), NOW + timedelta(hours=8))
    second = timedelta(seconds=1)
    assert decide(found, NOW + timedelta(hours=10) - second, RULES) == Wait(
        NOW + timedelta(hours=10)
    )
    ended = decide(found, NOW + timedelta(hours=10), RULES)
    assert isinstance(ended, Act)
    assert (ended.step, ended.ending) == (Step.END, Ending.OUT_OF_BUDGET)
    status = after(found, ended, NOW + timedelta(hours=10), RULES)
    assert (status.ending, status.cost) == (Ending.OUT_OF_BUDGET, "24.00")


def test_whose_time_ends_first_is_not_out_of_budget() -> None:
    """Also if nobody worked until the budget would have been spent."""
    found = large(expires_at=NOW + timedelta(hours=5))
    ended = decide(found, NOW + timedelta(hours=50), RULES)
    assert isinstance(ended, Act)
    assert ended.ending is Ending.EXPIRED


def test_a_suspension_stops_nothing() -> None:
    found = large()
    found = found.model_copy(
        update={"status": found.status.model_copy(update={"phase": Phase.SUSPENDED})}
    )
    ended = decide(found, NOW + timedelta(hours=10), RULES)
    assert isinstance(ended, Act)
    assert ended.ending is Ending.OUT_OF_BUDGET


def test_no_renewal_outspends_it() -> None:
    more = renewal("more", "9h", OTHERS[:1])
    found = sandbox(
        phase=Phase.READY, profile="large", renewals=(more,), ttl="5h",
        status=LARGE | {"expires_at": NOW + timedelta(hours=5)},
    )  # fmt: skip
    act = decide(found, NOW, RULES)
    assert act == Act(Step.RENEW, renewals=("more",))
    assert isinstance(act, Act)
    assert after(found, act, NOW, RULES).expires_at == NOW + timedelta(hours=10)


def _done(found: Sandbox, act: Act, now: Any) -> Sandbox:
    return found.model_copy(update={"status": after(found, act, now, RULES)})


def test_people_are_warned_once_and_in_time() -> None:
    found, due = large(), NOW + timedelta(hours=8)
    assert decide(found, NOW, RULES) == Wait(due), "somebody looks when the warning is due"
    assert step_of(decide(found, due, RULES)) is Step.WARN
    warned = _done(found, Act(Step.WARN), due)
    [told] = [one for one in warned.status.conditions if one.type == "BudgetNearlySpent"]
    assert told.status == "True"
    assert "19.20 of 24 euro" in told.message
    assert decide(warned, due, RULES) == Wait(NOW + timedelta(hours=10))
    # Its time is over before: there is nothing to be warned of.
    assert decide(large(expires_at=NOW + timedelta(hours=7)), NOW, RULES) == Wait(
        NOW + timedelta(hours=7)
    )


def crowd(*phases: Phase, of: str = "somebody@example.org") -> list[Sandbox]:
    made = []
    for number, phase in enumerate(phases):
        one = sandbox(phase=phase)
        spec = one.spec.model_copy(update={"requester": of})
        made.append(one.model_copy(update={"uid": f"{of}-{number}", "spec": spec}))
    return made


@given(st.lists(st.sampled_from(list(Phase))), st.integers(1, 5))
def test_only_who_lives_takes_room(phases: list[Phase], total: int) -> None:
    asked = sandbox()
    others = crowd(*phases)
    told = room.lack(asked, [asked, *others], Limits(total=total))
    living = sum(
        phase not in (Phase.REQUESTED, Phase.REJECTED, Phase.DESTROYED, Phase.FAILED)
        for phase in phases
    )
    assert (told is None) is (living < total)


def test_one_requester_does_not_take_anothers_room() -> None:
    asked = sandbox()
    limits = Limits(per_requester=1)
    assert room.lack(asked, crowd(Phase.READY), limits) is None
    told = room.lack(asked, crowd(Phase.READY, of=asked.spec.requester), limits)
    assert told is not None
    assert (told.type, told.reason) == ("QuotaExceeded", "PerRequester")
    assert "lab sandbox destroy" in told.message


def test_who_waited_is_told_that_there_is_room() -> None:
    asked = sandbox(approved_by=OTHERS[:1])
    told = room.lack(asked, crowd(Phase.READY), Limits(total=1))
    assert told is not None
    waiting = _done(asked, Act(Step.QUEUE, told=told), NOW)
    assert waiting.status.phase is Phase.REQUESTED
    assert told.holds(waiting.status.conditions)
    approved = _done(waiting, Act(Step.APPROVE), NOW)
    assert _quota(approved.status.conditions) == ["False"]
    # Whoever never waited has no such condition.
    assert _quota(_done(asked, Act(Step.APPROVE), NOW).status.conditions) == []


def _quota(conditions: Iterable[Any]) -> list[str]:
    return [one.status for one in conditions if one.type == "QuotaExceeded"]


@pytest.mark.parametrize("limits", [Limits(), Limits(None, None)])
def test_without_limits_there_is_always_room(limits: Limits) -> None:
    assert not limits
    assert room.lack(sandbox(), crowd(*[Phase.READY] * 50), limits) is None
