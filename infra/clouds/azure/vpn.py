"""The Azure end of a hybrid lab's tunnel: a small machine with the lab's one public address.

Its subnet leads to the hub of the tunnels and to nobody else: not a way out but a wire. From the
internet only the hub's address gets in, and only with WireGuard's packets; from within, nodes get
to what lies behind the tunnel, and engineers, by the VPN that a lab on Azure needs anyway, to SSH.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

import pulumi

from infra import contracts
from infra.clouds.azure.machine import VirtualMachineArgs, virtual_machine
from infra.clouds.azure.network import Network
from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import network
from infra.clouds.azure.watch import report
from infra.config.grounds.azure import AzureSite
from infra.config.ssh import expanded
from infra.hosts.gateway import Flow, GatewayArgs
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.provider import sdk

_DISK_SIZE = 30
#: Priority of the rules that close, after those that open and before Azure's own.
_CLOSED = 4096
_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class VpnArgs:
    """`ground` is the member's name. `hub` is the other end's public address and `hub_port` its
    UDP port; `flow` is what its nodes may say through it. The machine is made like Vault's.
    """

    ground: str
    place: Place
    network: Network
    site: AzureSite
    #: Id of what encrypts disks with the lab's key.
    disk_encryption: pulumi.Input[str]
    #: Id of the lab's logs.
    workspace: pulumi.Input[str]
    port: int
    hub: IPv4Address
    hub_port: int
    flow: Flow
    delivery: Delivery
    #: Folder of the playbooks' logs on the engineer's host.
    logs: str


class VpnGateway(pulumi.ComponentResource):
    """The gateway's subnet, address, rules and machine. `args` is what joins it to the others."""

    args: GatewayArgs

    def __init__(self, args: VpnArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:VpnGateway", args.place.named("gateway"), {}, opts)
        self._args, self._place, self._site = args, args.place, args.site
        self._name = args.place.named("gateway")
        self._own = pulumi.ResourceOptions(parent=self)
        found = self._address()
        machine = self._machine(self._card(self._subnet(), found))
        nodes = args.site.network.nodes
        self.args = GatewayArgs(
            ground=args.ground,
            hosts=self._hosts(machine),
            endpoint=found.ip_address.apply(str),
            port=args.port,
            callers=[f"{args.hub}/32"],
            ranges=[str(nodes)],
        )
        self.register_outputs({})

    def _address(self) -> network.PublicIPAddress:
        return network.PublicIPAddress(
            self._name,
            public_ip_address_name=self._name,
            resource_group_name=self._place.group,
            location=self._place.location,
            sku=network.PublicIPAddressSkuArgs(name="Standard"),
            public_ip_address_version="IPv4",
            public_ip_allocation_method="Static",
            zones=["1", "2", "3"],
            tags=self._place.tags,
            opts=self._own,
        )

    def _subnet(self) -> network.Subnet:
        """A subnet with a route to the hub's one address, and none to anywhere else."""
        place = self._place
        routes = network.RouteTable(
            self._name,
            route_table_name=self._name,
            resource_group_name=place.group,
            location=place.location,
            disable_bgp_route_propagation=False,
            routes=[
                network.RouteArgs(
                    name="hub", address_prefix=f"{self._args.hub}/32", next_hop_type="Internet"
                ),
                network.RouteArgs(name="nowhere", address_prefix=_ANYWHERE, next_hop_type="None"),
            ],
            tags=place.tags,
            opts=self._own,
        )
        return network.Subnet(
            self._name,
            subnet_name="gateway",
            virtual_network_name=self._args.network.name,
            resource_group_name=place.group,
            address_prefix=str(self._site.network.gateway),
            default_outbound_access=False,
            network_security_group=network.NetworkSecurityGroupArgs(id=self._rules().id),
            route_table=network.RouteTableArgs(id=routes.id),
            # Azure makes the subnets of one network one by one.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.network]),
        )

    def _rules(self) -> network.NetworkSecurityGroup:
        """Packets in the tunnel are seen twice: as they come from nodes, and wrapped, as UDP."""
        args, site = self._args, self._site
        hub = f"{args.hub}/32"
        engineers = [str(range_) for range_ in site.administration]
        made = network.NetworkSecurityGroup(
            self._name,
            network_security_group_name=self._name,
            resource_group_name=self._place.group,
            location=self._place.location,
            security_rules=[
                _rule("hub-in", 100, "Inbound", [hub], "Udp", args.port),
                _rule("administration-in", 110, "Inbound", engineers, "Tcp", 22),
                _rule("nodes-in", 120, "Inbound", [str(site.network.nodes)], "Tcp", args.flow.port),
                _rule("hub-out", 100, "Outbound", [hub], "Udp", args.hub_port),
                _closing("Inbound"),
                _closing("Outbound"),
            ],
            tags=self._place.tags,
            opts=self._own,
        )
        report(self._place, args.workspace, "gateway-rules", made.id, parent=self)
        return made

    def _card(
        self, subnet: network.Subnet, found: network.PublicIPAddress
    ) -> network.NetworkInterface:
        return network.NetworkInterface(
            self._name,
            network_interface_name=self._name,
            resource_group_name=self._place.group,
            location=self._place.location,
            # It passes on what is neither from it nor for it.
            enable_ip_forwarding=True,
            enable_accelerated_networking=True,
            ip_configurations=[
                network.NetworkInterfaceIPConfigurationArgs(
                    name="own",
                    primary=True,
                    private_ip_allocation_method="Static",
                    private_ip_address=str(self._site.network.gateway_address),
                    subnet=network.SubnetArgs(id=subnet.id),
                    public_ip_address=network.PublicIPAddressArgs(id=found.id),
                )
            ],
            tags=self._place.tags,
            opts=self._own,
        )

    def _machine(self, card: network.NetworkInterface) -> contracts.Machine:
        made = virtual_machine(
            VirtualMachineArgs(
                name=self._name,
                place=self._place,
                spec=self._site.vault_machines,
                zone="1",
                card=card.id,
                disk_encryption=self._args.disk_encryption,
                disk_size=_DISK_SIZE,
                # Its own key is all that it holds; a new gateway makes a new one.
                keeps_disk=False,
            ),
            opts=self._own,
        )
        return contracts.Machine(
            name="gateway",
            role="gateway",
            address=str(self._site.network.gateway_address),
            instance=made.vm_id,
            resource=made,
        )

    def _hosts(self, machine: contracts.Machine) -> HostsArgs:
        site, ssh = self._site, self._site.vault_machines.ssh
        return HostsArgs(
            lab=self._place.name,
            machines=[machine],
            connection=sdk.SshConnection(
                ssh_key=expanded(ssh.private_key),
                known_hosts=expanded(ssh.known_hosts),
                logs=self._args.logs,
                user=ssh.user,
                port=ssh.port,
            ),
            delivery=self._args.delivery,
            ranges=Ranges(
                machines=site.network.gateway,
                pods=site.network.pods,
                services=site.network.services,
                cluster_dns=site.network.cluster_dns,
                controller=str(site.administration[0].network_address),
            ),
            vault="",
            variables={
                "base_administration_sources": [str(range_) for range_ in site.administration]
            },
        )


def _rule(  # noqa: PLR0917 - six words that read as a rule does
    name: str, priority: int, direction: str, peers: Sequence[str], protocol: str, port: int
) -> network.SecurityRuleArgs:
    """The peer is the source of what comes in, and the destination of what goes out."""
    inbound = direction == "Inbound"
    return network.SecurityRuleArgs(
        name=name,
        access="Allow",
        direction=direction,
        priority=priority,
        protocol=protocol,
        source_port_range="*",
        destination_port_range=str(port),
        source_address_prefixes=list(peers) if inbound else None,
        source_address_prefix=None if inbound else "*",
        destination_address_prefixes=None if inbound else list(peers),
        destination_address_prefix="*" if inbound else None,
    )


def _closing(direction: str) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=f"nothing-else-{direction.lower()}",
        access="Deny",
        direction=direction,
        priority=_CLOSED,
        protocol="*",
        source_port_range="*",
        destination_port_range="*",
        source_address_prefix="*",
        destination_address_prefix="*",
    )
