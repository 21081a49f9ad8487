"""Every network on Azure keeps a log of its traffic."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_NETWORK = "azure-native:network:VirtualNetwork"
_LOG = "azure-native:network:FlowLog"
_LEAST = 90


def _check(stack: Stack) -> Iterator[Fault]:
    for network in stack.of_type(_NETWORK):
        logs = stack.naming(network, "targetResourceId", _LOG)
        if not any(value(one.properties, "enabled") is True for one in logs):
            yield Fault("nobody records what passes through it", network)
    for one in stack.of_type(_LOG):
        ends = value(one.properties, "retentionPolicy.enabled") is True
        if not ends or (value(one.properties, "retentionPolicy.days") or 0) < _LEAST:
            yield Fault(f"it is kept for less than {_LEAST} days (retentionPolicy)", one)


RULE = Rule(
    id="azure-flow-logs",
    title="Every network records its traffic, for three months at least.",
    reason="After an incident, the first question is what left the network and where to.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "CYB-8.2n", "CYB-8.2g", "CYB-21.7"),
    preview=Relations(
        about=(_NETWORK,),
        reads=(_LOG,),
        check=_check,
        broken=(
            without(_LOG),
            changed(_LOG, "enabled", False),
            changed(_LOG, "enabled", None),
            changed(_LOG, "targetResourceId", "another"),
            changed(_LOG, "retentionPolicy.days", 7),
            changed(_LOG, "retentionPolicy.enabled", False),
            changed(_LOG, "retentionPolicy", None),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a FlowLog whose `target_resource_id` is the network.",
)
