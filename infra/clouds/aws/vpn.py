"""The AWS end of a hybrid lab's tunnel: a small machine with the lab's one public address.

Its subnet leads to the hub of the tunnels and to nobody else: not a way out but a wire. From the
internet only the hub's address gets in, and only with WireGuard's packets; from within, nodes get
to what lies behind the tunnel, and engineers, by the VPN that a lab on AWS needs anyway, to SSH.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pulumi

from infra import contracts, paths
from infra.clouds.aws.hosts import hosts_args
from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, vpc
from infra.config.grounds.aws import AwsNetwork, AwsVaultMachines
from infra.hosts.gateway import Flow, GatewayArgs
from infra.hosts.plan import Delivery, HostsArgs

#: Forwards a few logins a second.
INSTANCE_TYPE = "t3.small"
#: GiB
_DISK = 20
_SSH = 22


@dataclass(frozen=True, slots=True)
class VpnArgs:
    """`ground` is the member's name, `lab` the lab's. `hub` is the other end's public address and
    `hub_port` its UDP port; `behind` are the addresses behind it that `flow` opens. The machine is
    made like those for Vault (`machines`).
    """

    ground: str
    lab: str
    network: Network
    ranges: AwsNetwork
    machines: AwsVaultMachines
    volumes_key: CustomerKey
    #: Security group of the nodes.
    node_group: pulumi.Input[str]
    port: int
    hub: IPv4Address
    hub_port: int
    behind: Sequence[IPv4Network]
    flow: Flow
    delivery: Delivery


class VpnGateway(Part):
    """The gateway's subnet, address, rules and machine. `args` is what joins it to the others."""

    args: GatewayArgs

    def __init__(
        self, place: Place, args: VpnArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("VpnGateway", place, opts, "gateway")
        self._args = args
        self._name = place.name("gateway")
        self._tags = place.tags(self._name)
        self._subnet = args.ranges.gateway_subnet()
        subnet = self._wire()
        card = ec2.NetworkInterface(
            self._name,
            description="End of the tunnel to the lab's primary ground",
            subnet_id=subnet.id,
            private_ips=[str(self._address)],
            security_groups=[self._group().id],
            # It passes on what is neither from it nor for it.
            source_dest_check=False,
            tags=self._tags,
            opts=self.made(),
        )
        address = ec2.Eip(
            self._name,
            domain="vpc",
            network_interface=card.id,
            associate_with_private_ip=str(self._address),
            tags=self._tags,
            opts=self.made(),
        )
        machine = self._machine(card)
        self._lead_here(card)
        self.args = GatewayArgs(
            ground=args.ground,
            hosts=self._hosts(machine),
            endpoint=address.public_ip,
            port=args.port,
            callers=[f"{args.hub}/32"],
            ranges=[str(range_) for range_ in args.ranges.subnets("nodes")],
        )
        self.register_outputs({})

    @property
    def _address(self) -> IPv4Address:
        """AWS keeps the first four addresses of a subnet."""
        return self._subnet[10]

    def _wire(self) -> ec2.Subnet:
        """A subnet with a route to the hub's one address, and none to anywhere else."""
        args, network = self._args, self._args.network
        internet = ec2.InternetGateway(
            self._name, vpc_id=network.vpc.id, tags=self._tags, opts=self.made()
        )
        subnet = ec2.Subnet(
            self._name,
            vpc_id=network.vpc.id,
            availability_zone=self.place.zones[0],
            cidr_block=str(self._subnet),
            map_public_ip_on_launch=False,
            tags=self._tags,
            opts=self.made(),
        )
        table = ec2.RouteTable(self._name, vpc_id=network.vpc.id, tags=self._tags, opts=self.made())
        ec2.Route(
            f"{self._name}-hub",
            route_table_id=table.id,
            destination_cidr_block=f"{args.hub}/32",
            gateway_id=internet.id,
            opts=self.made(),
        )
        if args.ranges.transit_gateway is not None:
            ec2.Route(
                f"{self._name}-engineers",
                route_table_id=table.id,
                destination_cidr_block=str(args.ranges.engineers),
                transit_gateway_id=args.ranges.transit_gateway,
                # It is there once the network has joined that gateway.
                opts=self.made(network),
            )
        ec2.RouteTableAssociation(
            self._name, subnet_id=subnet.id, route_table_id=table.id, opts=self.made()
        )
        return subnet

    def _group(self) -> ec2.SecurityGroup:
        """Packets in the tunnel are seen twice: as they come from nodes, and wrapped, as UDP."""
        args = self._args
        group = ec2.SecurityGroup(
            self._name,
            name=self._name,
            description="End of the tunnel to the lab's primary ground",
            vpc_id=args.network.vpc.id,
            tags=self._tags,
            opts=self.made(),
        )
        hub, nodes = f"{args.hub}/32", args.ranges.subnets("nodes")
        self._rule(group.id, "in", "WireGuard from the hub", hub, ("udp", args.port))
        self._rule(group.id, "out", "WireGuard to the hub", hub, ("udp", args.hub_port))
        self._rule(group.id, "in", "SSH for Ansible", str(args.ranges.engineers), ("tcp", _SSH))
        for range_ in nodes:
            self._rule(group.id, "in", args.flow.reason, str(range_), ("tcp", args.flow.port))
        return group

    def _rule(
        self,
        group: pulumi.Input[str],
        direction: str,
        why: str,
        peer: str,
        service: tuple[str, int],
    ) -> None:
        """`service` is a protocol and its port."""
        protocol, port = service
        rule = vpc.SecurityGroupIngressRule if direction == "in" else vpc.SecurityGroupEgressRule
        rule(
            f"{self._name}-{direction}-{protocol}-{port}-{peer}",
            security_group_id=group,
            description=why,
            cidr_ipv4=peer,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            tags=self._tags,
            opts=self.made(),
        )

    def _lead_here(self, card: ec2.NetworkInterface) -> None:
        """The private subnets find what lies behind the tunnel, and nodes may go there."""
        args = self._args
        for range_ in args.behind:
            ec2.Route(
                f"{self._name}-{range_}",
                route_table_id=args.network.route_table.id,
                destination_cidr_block=str(range_),
                network_interface_id=card.id,
                opts=self.made(),
            )
            vpc.SecurityGroupEgressRule(
                f"{self._name}-nodes-{range_}",
                security_group_id=args.node_group,
                description=args.flow.reason,
                cidr_ipv4=str(range_),
                ip_protocol="tcp",
                from_port=args.flow.port,
                to_port=args.flow.port,
                tags=self._tags,
                opts=self.made(),
            )

    def _machine(self, card: ec2.NetworkInterface) -> contracts.Machine:
        machines = self._args.machines
        key = ec2.KeyPair(
            self._name,
            key_name=self._name,
            public_key=machines.ssh_public_key,
            tags=self._tags,
            opts=self.made(),
        )
        instance = ec2.Instance(
            self._name,
            ami=machines.image,
            instance_type=INSTANCE_TYPE,
            primary_network_interface={"network_interface_id": card.id},
            key_name=key.key_name,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": _DISK,
                "encrypted": True,
                "kms_key_id": self._args.volumes_key.arn,
                # Its own key is all that it holds; a new gateway makes a new one.
                "delete_on_termination": True,
                "tags": self._tags,
            },
            ebs_optimized=True,
            monitoring=True,
            tags=self._tags,
            opts=self.made(),
        )
        return contracts.Machine(
            name="gateway",
            role="gateway",
            address=str(self._address),
            instance=instance.id,
            resource=instance,
        )

    def _hosts(self, machine: contracts.Machine) -> HostsArgs:
        return hosts_args(
            self.place.lab,
            [machine],
            home=paths.Home(self._args.lab),
            delivery=self._args.delivery,
            network=self._args.ranges,
            subnet=self._subnet,
            vault="",
        )
