"""The virtual network: private subnets without a way to the internet, each behind its own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pulumi

from infra.clouds.azure import firewall
from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import network
from infra.config.grounds.azure import AzureNetwork

#: Azure's priorities go from 100 (first) to 4096 (last).
_FIRST, _LAST = 100, 4096
_DELEGATED_TO_AKS = "Microsoft.ContainerService/managedClusters"


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    """`administration` is from where engineers come; `neighbours` are the networks of joined
    grounds whose pods use this one's Vault, or the other way round.
    """

    place: Place
    ranges: AzureNetwork
    administration: Sequence[IPv4Network]
    neighbours: Sequence[IPv4Network] = ()
    #: Behind which the neighbours are found.
    gateway: IPv4Address | None = None
    #: Id of the institution's network by which engineers come.
    hub: str | None = None


class Network(pulumi.ComponentResource):
    """The lab's virtual network. Its outputs are Azure's ids of the network and its subnets."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    nodes: pulumi.Output[str]
    vault: pulumi.Output[str]
    endpoints: pulumi.Output[str]
    api_server: pulumi.Output[str]
    #: Security groups by their subnet, for whoever watches them.
    security_groups: dict[str, network.NetworkSecurityGroup]

    def __init__(self, args: NetworkArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Network", args.place.name, {}, opts)
        self._args, self._place, self._own = args, args.place, pulumi.ResourceOptions(parent=self)
        self.security_groups = {}
        self._before: pulumi.Resource | None = None
        made = network.VirtualNetwork(
            args.place.named("network"),
            virtual_network_name=args.place.named("network"),
            resource_group_name=args.place.group,
            location=args.place.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[str(args.ranges.vnet)]),
            # Machines that can, encrypt what they send each other; Azure offers no stricter mode.
            encryption=network.VirtualNetworkEncryptionArgs(
                enabled=True, enforcement="AllowUnencrypted"
            ),
            tags=args.place.tags,
            opts=self._own,
        )
        self.id, self.name = made.id, made.name
        if args.hub is not None:
            self._join(args.hub)
        nowhere = self._routes()
        ranges, engineers = args.ranges, args.administration
        self.nodes = self._subnet(
            "nodes", ranges.nodes, firewall.nodes(ranges, args.neighbours), nowhere
        )
        self.vault = self._subnet(
            "vault", ranges.vault, firewall.vault(ranges, engineers, args.neighbours), nowhere
        )
        self.endpoints = self._subnet(
            "endpoints", ranges.endpoints, firewall.endpoints(ranges, engineers), nowhere
        )
        self.api_server = self._subnet(
            "api-server",
            ranges.api_server,
            firewall.api_server(ranges, engineers),
            delegated_to=_DELEGATED_TO_AKS,
        )
        self.register_outputs({})

    def _join(self, hub: str) -> None:
        """Joins the institution's network and uses its VPN. Nothing is passed on for it."""
        network.VirtualNetworkPeering(
            self._place.named("hub"),
            virtual_network_peering_name="hub",
            virtual_network_name=self.name,
            resource_group_name=self._place.group,
            remote_virtual_network=network.SubResourceArgs(id=hub),
            use_remote_gateways=True,
            allow_gateway_transit=False,
            allow_virtual_network_access=True,
            allow_forwarded_traffic=True,
            opts=self._own,
        )

    def _routes(self) -> network.RouteTable:
        """What no subnet and no gateway claims goes nowhere."""
        return network.RouteTable(
            self._place.named("nowhere"),
            route_table_name=self._place.named("nowhere"),
            resource_group_name=self._place.group,
            location=self._place.location,
            routes=[
                network.RouteArgs(
                    name="internet", address_prefix="0.0.0.0/0", next_hop_type="None"
                ),
                *self._tunnels(),
            ],
            tags=self._place.tags,
            opts=self._own,
        )

    def _tunnels(self) -> list[network.RouteArgs]:
        """What lies on other grounds is found behind the gateway of the tunnel (vpn.py)."""
        if self._args.gateway is None:
            return []
        return [
            network.RouteArgs(
                name=f"neighbour-{number}",
                address_prefix=str(range_),
                next_hop_type="VirtualAppliance",
                next_hop_ip_address=str(self._args.gateway),
            )
            for number, range_ in enumerate(self._args.neighbours, start=1)
        ]

    def _subnet(
        self,
        name: str,
        range_: IPv4Network,
        rules: Sequence[firewall.Rule],
        routes: network.RouteTable | None = None,
        *,
        delegated_to: str | None = None,
    ) -> pulumi.Output[str]:
        """Its id. Subnets of one network are made one by one; Azure refuses two at once."""
        group = self._security_group(name, rules)
        made = network.Subnet(
            self._place.named(name),
            subnet_name=name,
            virtual_network_name=self.name,
            resource_group_name=self._place.group,
            address_prefix=str(range_),
            default_outbound_access=False,
            network_security_group=network.NetworkSecurityGroupArgs(id=group.id),
            route_table=None if routes is None else network.RouteTableArgs(id=routes.id),
            # Rules of the security group count for private endpoints as well.
            private_endpoint_network_policies="Enabled",
            delegations=[network.DelegationArgs(name=name, service_name=delegated_to)]
            if delegated_to
            else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._before),
        )
        self._before = made
        return made.id

    def _security_group(
        self, name: str, rules: Sequence[firewall.Rule]
    ) -> network.NetworkSecurityGroup:
        made = network.NetworkSecurityGroup(
            self._place.named(name),
            network_security_group_name=self._place.named(name),
            resource_group_name=self._place.group,
            location=self._place.location,
            security_rules=[
                *(_opening(rule, _FIRST + 10 * number) for number, rule in enumerate(rules)),
                _closing("Inbound"),
                _closing("Outbound"),
            ],
            tags=self._place.tags,
            opts=self._own,
        )
        self.security_groups[name] = made
        return made


def _opening(rule: firewall.Rule, priority: int) -> network.SecurityRuleArgs:
    """The peer is the source of what comes in, and the destination of what goes out."""
    one = rule.peers[0] if len(rule.peers) == 1 else None
    more = None if one else list(rule.peers)
    inbound = rule.direction == "Inbound"
    return network.SecurityRuleArgs(
        name=rule.name,
        access="Allow",
        direction=rule.direction,
        priority=priority,
        protocol=rule.protocol,
        source_port_range="*",
        destination_port_ranges=list(rule.ports) if rule.ports != ("*",) else None,
        destination_port_range="*" if rule.ports == ("*",) else None,
        source_address_prefix=one if inbound else "*",
        source_address_prefixes=more if inbound else None,
        destination_address_prefix="*" if inbound else one,
        destination_address_prefixes=None if inbound else more,
    )


def _closing(direction: firewall.Direction) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=f"nothing-else-{direction.lower()}",
        access="Deny",
        direction=direction,
        priority=_LAST,
        protocol="*",
        source_port_range="*",
        destination_port_range="*",
        source_address_prefix="*",
        destination_address_prefix="*",
    )
