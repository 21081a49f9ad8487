"""Vault on three machines, one a zone, opened by a KMS key that only their role may use.

The machines are set up by the same Ansible roles as those of any other lab
(infra.hosts.vault.VaultHosts); here is what they stand on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pulumi

from infra import contracts, paths
from infra.clouds.aws import policies
from infra.clouds.aws.dns import Dns
from infra.clouds.aws.endpoints import HTTPS, Endpoints
from infra.clouds.aws.hosts import hosts_args
from infra.clouds.aws.keys import CustomerKey, Keys
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, iam, lb, route53, vpc
from infra.config import VaultSpec
from infra.config.grounds.aws import AwsNetwork, AwsVaultMachines
from infra.hosts.plan import VAULT_PORT, Delivery, HostsArgs
from infra.hosts.vault import VaultHosts


class _Port(NamedTuple):
    name: str
    why: str
    protocol: str
    number: int


_API = _Port("api", "Vault's API", "tcp", VAULT_PORT)
_PEERS = _Port("peers", "Vault to Vault", "tcp", VAULT_PORT + 1)
_PING = _Port("ping", "Ping: the preflight looks whether machines see each other", "icmp", -1)
#: Debian's kernel for clouds has WireGuard, so the role of that name joins the machines.
_MESH = _Port("wireguard", "What Vault's machines say to each other", "udp", 51820)
_ANSIBLE = _Port("ssh", "SSH for Ansible", "tcp", 22)
_KMS = _Port("kms", "KMS opens Vault", "tcp", HTTPS)
#: Where artifacts are copied to.
ARTIFACTS = Path("/var/cache/ai-lab")


@dataclass(frozen=True, slots=True)
class VaultArgs:
    """What Vault stands on, and how it is to be."""

    network: Network
    keys: Keys
    dns: Dns
    endpoints: Endpoints
    ranges: AwsNetwork
    machines: AwsVaultMachines
    spec: VaultSpec
    delivery: Delivery


class VaultGround(Part):
    """Machines, the way to them, and Vault on them."""

    def __init__(
        self, place: Place, args: VaultArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Vault", place, opts)
        self._args, self._ranges = args, args.ranges
        unseal = Keys(place, ("vault",), pulumi.ResourceOptions(parent=self))["vault"]
        group = self._group(args.network)
        profile = self._profile(unseal)
        key = ec2.KeyPair(
            place.name("vault"),
            key_name=place.name("vault"),
            public_key=args.machines.ssh_public_key,
            tags=place.tags(place.name("vault")),
            opts=self.made(),
        )
        self.machines = [
            self._machine(index, subnet, group=group, profile=profile, key=key)
            for index, subnet in enumerate(args.network.subnets("vault"))
        ]
        self.address = self._entry(args.network, args.dns, group)
        self.hosts = VaultHosts(
            place.lab,
            self._hosts(),
            args.spec.model_copy(
                update={
                    "seal": "awskms",
                    # By its alias, which is known before the key is made.
                    "seal_settings": {"region": place.region, "kms_key_id": unseal.alias},
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def _profile(self, key: CustomerKey) -> iam.InstanceProfile:
        name = self.place.name("vault")
        role = iam.Role(
            self.place.name("vault"),
            name=name,
            description="Opens Vault",
            assume_role_policy=policies.trust("ec2.amazonaws.com"),
            tags=self.place.tags(name),
            opts=self.made(),
        )
        iam.RolePolicy(
            self.place.name("vault"),
            role=role.id,
            policy=key.arn.apply(
                lambda arn: policies.document(
                    policies.allow(
                        "OpenVault", ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"], [arn]
                    )
                )
            ),
            opts=self.made(),
        )
        return iam.InstanceProfile(
            self.place.name("vault"),
            name=name,
            role=role.name,
            tags=self.place.tags(name),
            opts=self.made(),
        )

    def _machine(
        self,
        index: int,
        subnet: ec2.Subnet,
        *,
        group: ec2.SecurityGroup,
        profile: iam.InstanceProfile,
        key: ec2.KeyPair,
    ) -> contracts.Machine:
        machines = self._args.machines
        name = f"vault-{index + 1}"
        tags = self.place.tags(self.place.name(name))
        instance = ec2.Instance(
            self.place.name(name),
            ami=machines.image,
            instance_type=machines.instance_type,
            subnet_id=subnet.id,
            private_ip=str(self._ranges.vault_addresses()[index]),
            associate_public_ip_address=False,
            vpc_security_group_ids=[group.id],
            iam_instance_profile=profile.name,
            key_name=key.key_name,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": machines.disk,
                "encrypted": True,
                "kms_key_id": self._args.keys["volumes"].arn,
                "delete_on_termination": False,
                "tags": tags,
            },
            disable_api_termination=True,
            ebs_optimized=True,
            monitoring=True,
            tags=tags,
            opts=self.kept(),
        )
        return contracts.Machine(
            name=name,
            role="vault",
            address=instance.private_ip,
            instance=instance.id,
            resource=instance,
        )

    def _group(self, network: Network) -> ec2.SecurityGroup:
        name = self.place.name("vault")
        group = ec2.SecurityGroup(
            self.place.name("vault"),
            name=name,
            description="Vault and the way to it",
            vpc_id=network.vpc.id,
            tags=self.place.tags(name),
            opts=self.made(),
        )
        ranges, ingress, egress = self._ranges, "in", "out"
        own = {"referenced_security_group_id": group.id}
        endpoints = {"referenced_security_group_id": self._args.endpoints.group.id}
        engineers = {"cidr_ipv4": str(ranges.engineers)}
        pods = [{"cidr_ipv4": str(range_)} for range_ in ranges.subnets("nodes")]
        self._rules(ingress, group, "pods", pods, _API)
        self._rules(ingress, group, "engineers", [engineers], _API, _ANSIBLE)
        for direction in (ingress, egress):
            self._rules(direction, group, "vault", [own], _API, _PEERS, _MESH, _PING)
        self._rules(egress, group, "aws", [endpoints], _KMS)
        return group

    def _rules(
        self,
        direction: str,
        group: ec2.SecurityGroup,
        who: str,
        peers: Sequence[Mapping[str, Any]],
        *ports: _Port,
    ) -> None:
        make = vpc.SecurityGroupIngressRule if direction == "in" else vpc.SecurityGroupEgressRule
        for index, peer in enumerate(peers):
            for port in ports:
                name = self.place.name(f"vault-{direction}-{who}-{port.name}-{index}")
                make(
                    name,
                    security_group_id=group.id,
                    description=port.why,
                    ip_protocol=port.protocol,
                    from_port=port.number,
                    to_port=port.number,
                    tags=self.place.tags(name),
                    opts=self.made(),
                    **peer,
                )

    def _entry(self, network: Network, dns: Dns, group: ec2.SecurityGroup) -> str:
        """One name for all three: a balancer that passes TLS on as it is."""
        # AWS allows 32 characters here.
        name = self.place.name("vault")[:32].rstrip("-")
        tags = self.place.tags(name)
        balancer = lb.LoadBalancer(
            self.place.name("vault"),
            name=name,
            load_balancer_type="network",
            internal=True,
            subnets=[subnet.id for subnet in network.subnets("vault")],
            security_groups=[group.id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=True,
            tags=tags,
            opts=self.made(),
        )
        targets = lb.TargetGroup(
            self.place.name("vault"),
            name=name,
            vpc_id=network.vpc.id,
            port=VAULT_PORT,
            protocol="TCP",
            target_type="instance",
            # Vault binds logins to addresses: it must see the client's own.
            preserve_client_ip="true",
            health_check={
                "protocol": "HTTPS",
                # A standby passes on what it is asked.
                "path": "/v1/sys/health?standbyok=true",
                "matcher": "200",
                "interval": 10,
                "healthy_threshold": 2,
                "unhealthy_threshold": 2,
            },
            tags=tags,
            opts=self.made(),
        )
        lb.Listener(
            self.place.name("vault"),
            load_balancer_arn=balancer.arn,
            port=VAULT_PORT,
            protocol="TCP",
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            tags=tags,
            opts=self.made(),
        )
        for machine in self.machines:
            lb.TargetGroupAttachment(
                self.place.name(machine.name),
                target_group_arn=targets.arn,
                target_id=machine.instance,
                port=VAULT_PORT,
                opts=self.made(),
            )
        address = f"vault.{dns.domain}"
        route53.Record(
            self.place.name("vault"),
            zone_id=dns.zone.zone_id,
            name=address,
            type="A",
            aliases=[
                {
                    "name": balancer.dns_name,
                    "zone_id": balancer.zone_id,
                    "evaluate_target_health": True,
                }
            ],
            opts=self.made(),
        )
        return address

    def _hosts(self) -> HostsArgs:
        engineers = str(self._ranges.engineers)
        return hosts_args(
            self.place.lab,
            self.machines,
            home=paths.Home(self.place.lab),
            delivery=self._args.delivery,
            network=self._ranges,
            subnet=self._ranges.vpc,
            vault=self.address,
            variables={
                "base_pod_ports": [VAULT_PORT],
                "vault_server_client_ranges": [engineers, "127.0.0.1/32"],
            },
        )
