"""Every network on AWS keeps a log of all its traffic."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_NETWORK = "aws:ec2/vpc:Vpc"
_LOG = "aws:ec2/flowLog:FlowLog"


def _check(stack: Stack) -> Iterator[Fault]:
    for network in stack.of_type(_NETWORK):
        logs = stack.naming(network, "vpcId", _LOG)
        if not any(value(one.properties, "trafficType") == "ALL" for one in logs):
            yield Fault("nobody records what passes through it, and what is refused", network)


RULE = Rule(
    id="aws-flow-logs",
    title="Every network records all traffic, what passes and what is refused.",
    reason="After an incident, the first question is what left the network and where to.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "CYB-8.2n", "CYB-8.2g", "CYB-21.7"),
    preview=Relations(
        about=(_NETWORK,),
        reads=(_LOG,),
        check=_check,
        broken=(
            without(_LOG),
            changed(_LOG, "trafficType", "REJECT"),
            changed(_LOG, "trafficType", None),
            changed(_LOG, "vpcId", "vpc-other"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a FlowLog with `traffic_type` ALL for the network.",
)
