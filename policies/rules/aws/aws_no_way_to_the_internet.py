"""Nothing on AWS has a way to the internet."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import is_narrow, must_be_narrow
from policies.properties import Properties, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import values

_RANGES = ("cidrBlock", "destinationCidrBlock", "destinationIpv6CidrBlock", "ipv6CidrBlock")


def _routes_inside(properties: Mapping[str, Any]) -> Iterator[str]:
    """Those that a table of routes has within itself."""
    if not properties.get("routes"):
        return
    for key in _RANGES:
        for found in values(properties, f"routes.*.{key}"):
            if found and not is_narrow(found):
                yield f"routes: {found} leads to others than the lab"


def _way_out(properties: dict[str, Any]) -> None:
    properties["routes"] = [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]


RULE = Rule(
    id="aws-no-way-to-the-internet",
    title="No network of a lab has a way to the internet.",
    reason="Data leaves by any way that is there: a sandbox that is taken over must find none. "
    "Images and services of AWS come over private endpoints.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.11", "SATRE-3.1.12", "EUDPR-46", "CYB-8.3b", "AIA-4a.1d"),
    preview=Properties(
        {
            # One address alone is the other end of the lab's tunnel.
            "aws:ec2/route:Route": (
                must_be_narrow("destinationCidrBlock"),
                must_be_narrow("destinationIpv6CidrBlock"),
                must_not_be_set("natGatewayId", broken="nat-1"),
                must_not_be_set("egressOnlyGatewayId", broken="eigw-1"),
                must_not_be_set("destinationPrefixListId", broken="pl-1"),
            ),
            "aws:ec2/routeTable:RouteTable": (),
            "aws:ec2/defaultRouteTable:DefaultRouteTable": (),
        },
        check=_routes_inside,
        broken=(_way_out,),
        forbidden={
            "aws:ec2/carrierGateway:CarrierGateway": {"vpcId": "vpc-1"},
            "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": {"vpcId": "vpc-1"},
            "aws:ec2/natGateway:NatGateway": {"subnetId": "subnet-1"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use a private endpoint for services of AWS and a registry inside for images.",
)
