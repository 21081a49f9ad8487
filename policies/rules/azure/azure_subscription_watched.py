"""Somebody looks at what is done to a subscription, and for attacks."""

from collections.abc import Iterator

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "azure-native:containerservice:ManagedCluster"
_ACTIVITY = "azure-native:monitor:SubscriptionDiagnosticSetting"
_PLAN = "azure-native:security:Pricing"
_HEARD = ("Administrative", "Alert", "Policy", "Security", "ServiceHealth")
_BOUGHT = (
    "Arm",
    "Containers",
    "KeyVaults",
    "OpenSourceRelationalDatabases",
    "StorageAccounts",
    "VirtualMachines",
)
_AGENT = "securityProfile.defender.securityMonitoring.enabled"


def _check(stack: Stack) -> Iterator[Fault]:
    heard = {
        entry.get("category")
        for one in stack.of_type(_ACTIVITY)
        for entry in decided(one.properties, "logs") or []
        if entry.get("enabled") is True
    }
    for category in _HEARD:
        if category not in heard:
            yield Fault(f"nobody hears {category} of the subscription")
    bought = {
        value(one.properties, "pricingName") or value(one.properties, "name")
        for one in stack.of_type(_PLAN)
        if value(one.properties, "pricingTier") == "Standard"
    }
    for plan in _BOUGHT:
        if plan not in bought:
            yield Fault(f"Defender does not look at {plan}")
    for cluster in stack.of_type(_CLUSTER):
        if value(cluster.properties, _AGENT) is not True:
            yield Fault(f"Defender has no agent on its nodes ({_AGENT})", cluster)


RULE = Rule(
    id="azure-subscription-watched",
    title="What is done to the subscription is recorded, and Defender looks at all that a lab has.",
    reason="An attack that nobody looks for is found by its damage.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.12", "SATRE-2.5.03", "SATRE-2.7.01", "CYB-8.2n", "CYB-8.3f"),
    preview=Relations(
        about=(_CLUSTER,),
        reads=(_ACTIVITY, _PLAN),
        check=_check,
        broken=(
            without(_ACTIVITY),
            without(_PLAN),
            changed(_ACTIVITY, "logs", []),
            changed(_ACTIVITY, "logs", [{"category": one, "enabled": False} for one in _HEARD]),
            changed(_PLAN, "pricingTier", "Free"),
            changed(_CLUSTER, _AGENT, False),
            changed(_CLUSTER, _AGENT, None),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a SubscriptionDiagnosticSetting and a Pricing of tier Standard for each plan.",
)
