"""No machine on AWS has a public address."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.properties import Properties, must_be, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import values


def _interfaces(properties: Mapping[str, Any]) -> Iterator[str]:
    """Of machines and templates: a list, which most leave out."""
    if not properties.get("networkInterfaces"):
        return
    for found in values(properties, "networkInterfaces.*.associatePublicIpAddress"):
        if found not in (False, "false"):
            yield "networkInterfaces: associatePublicIpAddress must be false"


def _public_interface(properties: dict[str, Any]) -> None:
    properties["networkInterfaces"] = [{"associatePublicIpAddress": "true"}]


RULE = Rule(
    id="aws-no-public-addresses",
    title="No node and no machine has a public address, and nobody logs in to nodes over SSH.",
    reason="A node with a public address is one open port away from being everybody's.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "CYB-8.2c", "CYB-8.3b", "AIA-59.1d"),
    preview=Properties(
        {
            "aws:ec2/instance:Instance": (
                must_be("associatePublicIpAddress", False, optional=True),
                must_not_be_set("ipv6AddressCount", broken=1),
            ),
            "aws:ec2/launchTemplate:LaunchTemplate": (must_not_be_set("keyName", broken="key"),),
            "aws:ec2/subnet:Subnet": (
                must_be("mapPublicIpOnLaunch", False, safe=False),
                must_be("assignIpv6AddressOnCreation", False, optional=True, safe=False),
            ),
            "aws:ec2/vpc:Vpc": (
                must_be("assignGeneratedIpv6CidrBlock", False, optional=True),
                must_not_be_set("ipv6CidrBlock", broken="2a05:d012::/56"),
            ),
            "aws:eks/nodeGroup:NodeGroup": (
                must_not_be_set("remoteAccess", broken={"ec2SshKey": "key"}),
            ),
        },
        check=_interfaces,
        broken=(_public_interface,),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `map_public_ip_on_launch` of the subnet to false; use Session Manager for nodes.",
)
