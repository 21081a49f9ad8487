"""The lab's network: private subnets in three zones, and no way out.

There is no internet gateway and no NAT: AWS's own services are reached through endpoints
(endpoints.py), engineers come by VPN, and DNS answers only for names of AWS and of the lab
(dns.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.logs import log_group
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, ec2transitgateway, iam
from infra.config.grounds.aws import AwsNetwork

Use = Literal["nodes", "endpoints", "data", "vault"]
_USES: tuple[Use, ...] = ("nodes", "endpoints", "data", "vault")


class Network(Part):
    """VPC, subnets, one route table that leads nowhere else, and a log of every flow."""

    def __init__(
        self,
        place: Place,
        ranges: AwsNetwork,
        *,
        logs_key: CustomerKey,
        log_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Network", place, opts)
        self.vpc = ec2.Vpc(
            place.name("vpc"),
            cidr_block=str(ranges.vpc),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=place.tags(place.name()),
            opts=self.made(),
        )
        # Whatever names no group or table of its own gets these, and can talk to nobody.
        ec2.DefaultSecurityGroup(
            place.name("closed"),
            vpc_id=self.vpc.id,
            ingress=[],
            egress=[],
            tags=place.tags(place.name("closed")),
            opts=self.made(),
        )
        ec2.DefaultRouteTable(
            place.name("closed"),
            default_route_table_id=self.vpc.default_route_table_id,
            routes=[],
            tags=place.tags(place.name("closed")),
            opts=self.made(),
        )
        self.route_table = ec2.RouteTable(
            place.name("private"),
            vpc_id=self.vpc.id,
            tags=place.tags(place.name("private")),
            opts=self.made(),
        )
        self._subnets = {use: self._zones(use, ranges) for use in _USES}
        if ranges.transit_gateway is not None:
            self._join(ranges.transit_gateway, ranges)
        self._log_flows(logs_key, log_days)
        self.register_outputs({})

    def subnets(self, use: Use) -> Sequence[ec2.Subnet]:
        """Three, in the order of the zones."""
        return self._subnets[use]

    def _zones(self, use: Use, ranges: AwsNetwork) -> list[ec2.Subnet]:
        made = []
        for zone, range_ in zip(self.place.zones, ranges.subnets(use), strict=True):
            name = f"{use}-{zone[-1]}"
            subnet = ec2.Subnet(
                self.place.name(name),
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=str(range_),
                map_public_ip_on_launch=False,
                tags=self.place.tags(self.place.name(name)),
                opts=self.made(),
            )
            ec2.RouteTableAssociation(
                self.place.name(name),
                subnet_id=subnet.id,
                route_table_id=self.route_table.id,
                opts=self.made(),
            )
            made.append(subnet)
        return made

    def _join(self, transit_gateway: str, ranges: AwsNetwork) -> None:
        """The way back to engineers, and to nobody else behind that gateway."""
        attachment = ec2transitgateway.VpcAttachment(
            self.place.name("engineers"),
            transit_gateway_id=transit_gateway,
            vpc_id=self.vpc.id,
            subnet_ids=[subnet.id for subnet in self.subnets("endpoints")],
            tags=self.place.tags(self.place.name("engineers")),
            opts=self.made(),
        )
        ec2.Route(
            self.place.name("engineers"),
            route_table_id=self.route_table.id,
            destination_cidr_block=str(ranges.engineers),
            transit_gateway_id=transit_gateway,
            opts=self.made(attachment),
        )

    def _log_flows(self, key: CustomerKey, days: int) -> None:
        group = log_group(self, "flows", f"/ai-lab/{self.place.lab}/flows", key=key, days=days)
        role = iam.Role(
            self.place.name("flows"),
            name=self.place.name("flows"),
            description="Writes the network's flow log",
            assume_role_policy=policies.trust(
                "vpc-flow-logs.amazonaws.com", account=self.place.account
            ),
            tags=self.place.tags(self.place.name("flows")),
            opts=self.made(),
        )
        iam.RolePolicy(
            self.place.name("flows"),
            role=role.id,
            policy=policies.document(
                policies.allow(
                    "Write",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [
                        self.place.arn("logs", f"log-group:/ai-lab/{self.place.lab}/flows:*"),
                    ],
                )
            ),
            opts=self.made(),
        )
        ec2.FlowLog(
            self.place.name("flows"),
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=self.place.tags(self.place.name("flows")),
            opts=self.made(),
        )
