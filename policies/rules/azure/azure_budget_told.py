"""Somebody is told before a lab on Azure spends too much."""

from collections.abc import Iterator
from typing import Any

from policies.clouds import MOST_OF_A_BUDGET, budget_told
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity


def _heard(notifications: Any) -> Iterator[str]:
    for one in (notifications or {}).values():
        told = one.get("enabled") is True and (one.get("contactEmails") or one.get("contactGroups"))
        if told and one.get("threshold", MOST_OF_A_BUDGET + 1) <= MOST_OF_A_BUDGET:
            yield one.get("thresholdType", "Actual")


def _told(**changes: Any) -> dict[str, Any]:
    one = {"enabled": True, "contactEmails": ["a@institution.example"], "threshold": 80}
    return {kind: one | {"thresholdType": kind} | changes for kind in ("Actual", "Forecasted")}


RULE = Rule(
    id="azure-budget-told",
    title="A lab has a budget, and somebody is told before it is spent and when it will be.",
    reason="Machines with GPUs cost in a weekend what an institution plans for months.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.3.04", "SATRE-4.4.02", "SATRE-4.4.04"),
    preview=budget_told(
        "azure-native:containerservice:ManagedCluster",
        "azure-native:consumption:Budget",
        limit="amount",
        actual="Actual",
        forecast="Forecasted",
        heard=_heard,
        broken=({}, _told(contactEmails=[]), _told(enabled=False), _told(threshold=200)),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a budget that writes to the lab's owner at 80 % and at a forecast of 100 %.",
)
