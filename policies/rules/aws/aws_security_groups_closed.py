"""Security groups on AWS let single ports through, from known ranges."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import must_be_narrow
from policies.properties import Must, Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value

_RANGES = (must_be_narrow("cidrIpv4"), must_be_narrow("cidrIpv6"))


def _none_inside(path: str, *, set_anyway: bool = False) -> Must:
    rules = [{"cidrBlocks": ["0.0.0.0/0"], "protocol": "-1", "fromPort": 0, "toPort": 0}]
    return Must(
        path,
        "empty",
        lambda found: found == [],
        (rules,),
        optional=not set_anyway,
        safe=[] if set_anyway else None,
    )


def _one_port(properties: Mapping[str, Any]) -> Iterator[str]:
    protocol = value(properties, "ipProtocol")
    if protocol is None:
        return  # a group
    first, last = value(properties, "fromPort"), value(properties, "toPort")
    if protocol == "-1":
        yield "ipProtocol: every port of every protocol is open"
    elif first is None or first != last:
        yield f"fromPort to toPort: more than one port is open ({first} to {last})"


def _every_protocol(properties: dict[str, Any]) -> None:
    _spoil(properties, ipProtocol="-1")


def _every_port(properties: dict[str, Any]) -> None:
    _spoil(properties, fromPort=0, toPort=65535)


def _spoil(properties: dict[str, Any], **changes: Any) -> None:
    if "ipProtocol" in properties:
        properties.update(changes)
    else:
        properties["ingress"] = [{"cidrBlocks": ["0.0.0.0/0"], "protocol": "tcp"}]


RULE = Rule(
    id="aws-security-groups-closed",
    title="Security groups let single ports through, for private ranges or one address.",
    reason="A rule for the world or for every port undoes every other rule of its group; a default "
    "group with rules is joined by whatever forgets to name one.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.11", "CYB-8.3b", "CYB-8.2j"),
    preview=Properties(
        {
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (
                _none_inside("ingress", set_anyway=True),
                _none_inside("egress", set_anyway=True),
            ),
            # Rules are resources of their own, or this rule would not see them.
            "aws:ec2/securityGroup:SecurityGroup": (
                _none_inside("ingress"),
                _none_inside("egress"),
            ),
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _RANGES,
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _RANGES,
        },
        check=_one_port,
        broken=(_every_protocol, _every_port),
        forbidden={
            "aws:ec2/securityGroupRule:SecurityGroupRule": {
                "type": "ingress",
                "cidrBlocks": ["0.0.0.0/0"],
            }
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use SecurityGroupIngressRule and SecurityGroupEgressRule, one port and one range each.",
)
