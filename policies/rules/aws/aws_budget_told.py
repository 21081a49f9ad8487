"""Somebody is told before a lab on AWS spends too much."""

from collections.abc import Iterator
from typing import Any

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "aws:eks/cluster:Cluster"
_BUDGET = "aws:budgets/budget:Budget"
_MOST = 100


def _is_heard(one: dict[str, Any]) -> bool:
    told = one.get("subscriberEmailAddresses") or one.get("subscriberSnsTopicArns")
    return bool(told) and one.get("threshold", _MOST + 1) <= _MOST


def _check(stack: Stack) -> Iterator[Fault]:
    budgets = stack.of_type(_BUDGET)
    if not budgets:
        yield Fault("nobody is told what the lab spends")
    for budget in budgets:
        found = decided(budget.properties, "notifications") or []
        heard = {one.get("notificationType") for one in found if _is_heard(one)}
        if "ACTUAL" not in heard:
            yield Fault("nobody is told before it is spent (notifications, ACTUAL)", budget)
        if "FORECASTED" not in heard:
            yield Fault("nobody is told that it will be (notifications, FORECASTED)", budget)
        if not value(budget.properties, "limitAmount"):
            yield Fault("it has no limit", budget)


_NOBODY = [{"notificationType": kind, "threshold": 80} for kind in ("ACTUAL", "FORECASTED")]
_TOO_LATE = [
    one | {"subscriberEmailAddresses": ["a@institution.example"], "threshold": 200}
    for one in _NOBODY
]

RULE = Rule(
    id="aws-budget-told",
    title="A lab has a budget, and somebody is told before it is spent and when it will be.",
    reason="Machines with GPUs cost in a weekend what an institution plans for months.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.3.04", "SATRE-4.4.02", "SATRE-4.4.04"),
    preview=Relations(
        about=(_CLUSTER,),
        reads=(_BUDGET,),
        check=_check,
        broken=(
            without(_BUDGET),
            changed(_BUDGET, "notifications", []),
            changed(_BUDGET, "notifications", _NOBODY),
            changed(_BUDGET, "notifications", _TOO_LATE),
            changed(_BUDGET, "limitAmount", None),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a budget that writes to the lab's owner at 80 % and at a forecast of 100 %.",
)
