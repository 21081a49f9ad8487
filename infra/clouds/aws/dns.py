"""DNS answers for names of AWS and of the lab only: a query for any other name is a way out.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall.html
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pulumi

from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.logs import log_group
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, route53, vpc

_DNS = 53


class Dns(Part):
    """The lab's zone, the filter of queries, and their log."""

    def __init__(
        self,
        place: Place,
        network: Network,
        *,
        engineers: IPv4Network,
        logs_key: CustomerKey,
        log_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Dns", place, opts)
        self.domain = f"{place.lab}.internal"
        self.zone = route53.Zone(
            place.name("zone"),
            name=self.domain,
            comment=f"Names of lab {place.lab}",
            vpcs=[{"vpc_id": network.vpc.id, "vpc_region": place.region}],
            tags=place.tags(self.domain),
            opts=self.made(),
        )
        self._answer(network, engineers)
        self._filter(network)
        self._log(network, logs_key, log_days)
        self.register_outputs({})

    def _answer(self, network: Network, engineers: IPv4Network) -> None:
        """Engineers' name servers ask here for the lab's names."""
        name = self.place.name("dns")
        group = ec2.SecurityGroup(
            self.place.name("dns"),
            name=name,
            description="The lab's names for engineers",
            vpc_id=network.vpc.id,
            tags=self.place.tags(name),
            opts=self.made(),
        )
        for protocol in ("tcp", "udp"):
            vpc.SecurityGroupIngressRule(
                self.place.name(f"dns-{protocol}"),
                security_group_id=group.id,
                description="DNS from engineers",
                cidr_ipv4=str(engineers),
                ip_protocol=protocol,
                from_port=_DNS,
                to_port=_DNS,
                tags=self.place.tags(name),
                opts=self.made(),
            )
        route53.ResolverEndpoint(
            self.place.name("dns"),
            name=name,
            direction="INBOUND",
            security_group_ids=[group.id],
            ip_addresses=[{"subnet_id": one.id} for one in network.subnets("endpoints")],
            tags=self.place.tags(name),
            opts=self.made(),
        )

    def _filter(self, network: Network) -> None:
        place = self.place
        group = route53.ResolverFirewallRuleGroup(
            place.name("dns"),
            name=place.name("dns"),
            tags=place.tags(place.name("dns")),
            opts=self.made(),
        )
        machines = f"{place.region}.compute.internal"
        rules: dict[str, tuple[list[str], dict[str, Any]]] = {
            # A name of AWS may be another name's alias: the answer is trusted, not followed.
            "known": (
                ["*.amazonaws.com", f"*.{machines}", self.domain, f"*.{self.domain}"],
                {
                    "action": "ALLOW",
                    "firewall_domain_redirection_action": "TRUST_REDIRECTION_DOMAIN",
                },
            ),
            "unknown": (["*"], {"action": "BLOCK", "block_response": "NXDOMAIN"}),
        }
        for priority, (name, (domains, verdict)) in enumerate(rules.items(), start=1):
            called = place.name(f"dns-{name}")
            domain_list = route53.ResolverFirewallDomainList(
                place.name(f"dns-{name}"),
                name=called,
                domains=domains,
                tags=place.tags(called),
                opts=self.made(),
            )
            route53.ResolverFirewallRule(
                place.name(f"dns-{name}"),
                name=called,
                firewall_rule_group_id=group.id,
                firewall_domain_list_id=domain_list.id,
                priority=priority,
                opts=self.made(),
                **verdict,
            )
        route53.ResolverFirewallRuleGroupAssociation(
            place.name("dns"),
            name=place.name("dns"),
            vpc_id=network.vpc.id,
            firewall_rule_group_id=group.id,
            # AWS reserves the priorities up to 100 and from 9900.
            priority=101,
            mutation_protection="ENABLED",
            tags=place.tags(place.name("dns")),
            opts=self.made(),
        )
        route53.ResolverFirewallConfig(
            place.name("dns"),
            resource_id=network.vpc.id,
            firewall_fail_open="DISABLED",
            opts=self.made(),
        )

    def _log(self, network: Network, key: CustomerKey, days: int) -> None:
        place = self.place
        group = log_group(self, "dns", f"/ai-lab/{place.lab}/dns", key=key, days=days)
        config = route53.ResolverQueryLogConfig(
            place.name("dns"),
            name=place.name("dns"),
            destination_arn=group.arn,
            tags=place.tags(place.name("dns")),
            opts=self.made(),
        )
        route53.ResolverQueryLogConfigAssociation(
            place.name("dns"),
            resolver_query_log_config_id=config.id,
            resource_id=network.vpc.id,
            opts=self.made(),
        )
