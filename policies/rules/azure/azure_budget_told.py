"""Somebody is told before a lab on Azure spends too much."""

from collections.abc import Iterator
from typing import Any

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "azure-native:containerservice:ManagedCluster"
_BUDGET = "azure-native:consumption:Budget"
_MOST = 100


def _is_heard(one: dict[str, Any]) -> bool:
    told = one.get("contactEmails") or one.get("contactGroups")
    return one.get("enabled") is True and bool(told) and one.get("threshold", _MOST + 1) <= _MOST


def _check(stack: Stack) -> Iterator[Fault]:
    budgets = stack.of_type(_BUDGET)
    if not budgets:
        yield Fault("nobody is told what the lab spends")
    for budget in budgets:
        found = decided(budget.properties, "notifications") or {}
        heard = {one.get("thresholdType", "Actual") for one in found.values() if _is_heard(one)}
        if "Actual" not in heard:
            yield Fault("nobody is told before it is spent (notifications, Actual)", budget)
        if "Forecasted" not in heard:
            yield Fault("nobody is told that it will be (notifications, Forecasted)", budget)
        if not value(budget.properties, "amount"):
            yield Fault("it has no limit", budget)


def _told(**changes: Any) -> dict[str, Any]:
    one = {"enabled": True, "contactEmails": ["a@institution.example"], "threshold": 80}
    return {kind: one | {"thresholdType": kind} | changes for kind in ("Actual", "Forecasted")}


RULE = Rule(
    id="azure-budget-told",
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
            changed(_BUDGET, "notifications", {}),
            changed(_BUDGET, "notifications", _told(contactEmails=[])),
            changed(_BUDGET, "notifications", _told(enabled=False)),
            changed(_BUDGET, "notifications", _told(threshold=200)),
            changed(_BUDGET, "amount", None),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a budget that writes to the lab's owner at 80 % and at a forecast of 100 %.",
)
