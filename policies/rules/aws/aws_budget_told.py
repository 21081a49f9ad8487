"""Somebody is told before a lab on AWS spends too much."""

from collections.abc import Iterator
from typing import Any

from policies.clouds import MOST_OF_A_BUDGET, budget_told
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity


def _heard(notifications: Any) -> Iterator[str]:
    for one in notifications or []:
        told = one.get("subscriberEmailAddresses") or one.get("subscriberSnsTopicArns")
        if told and one.get("threshold", MOST_OF_A_BUDGET + 1) <= MOST_OF_A_BUDGET:
            yield one.get("notificationType", "")


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
    preview=budget_told(
        "aws:eks/cluster:Cluster",
        "aws:budgets/budget:Budget",
        limit="limitAmount",
        actual="ACTUAL",
        forecast="FORECASTED",
        heard=_heard,
        broken=([], _NOBODY, _TOO_LATE),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a budget that writes to the lab's owner at 80 % and at a forecast of 100 %.",
)
