"""The lab across grounds: one Vault on the primary, a cluster on each, tunnels between them.

The primary ground is on machines of one's own. Each further one is a cloud whose sandboxes log in
to that Vault through the tunnel, by an auth method of their cluster's; nothing else crosses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import assert_never

import pulumi

from infra import naming, paths, toolchain
from infra.clouds.aws import vpn as aws_vpn
from infra.clouds.aws.ground import AwsGround
from infra.clouds.azure import vpn as azure_vpn
from infra.clouds.azure.ground import AzureArgs, AzureGround
from infra.cluster import auditor, policies
from infra.cluster.objects import SystemRoute
from infra.config import AwsSite, AzureSite, HybridLab, Member, OnPremLab, OnPremSite
from infra.contracts import Cluster, Machine
from infra.hosts import given
from infra.hosts.gateway import Flow, Gateway, GatewayArgs, tunnels
from infra.hosts.given import GivenMachine, OnPremGround
from infra.hosts.plan import VAULT_PORT, Delivery, Plan
from infra.sandbox import blueprint
from infra.sandbox.blueprint import Blueprint, LabFacts
from infra.sandbox.identity import VaultMounts
from policies.admission import Settings
from stacks import aws, azure, layers, machines, sandbox_service

_LOGIN = "Sandboxes log in to the lab's Vault."


def compose(lab: HybridLab) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = {member.name: _drawings(lab, member, version) for member in lab.ordered}

    home, primary = lab.home, lab.ordered[0]
    delivery = given.delivery_of(
        home, toolchain.artifacts(planned=pulumi.runtime.is_dry_run()), version
    )
    ground = OnPremGround(
        home, delivery=delivery, variables={"base_vault_sources": _texts(_callers(lab))}
    )
    hosts = ground.hosts
    sandboxes = layers.compose(
        lab.name,
        cluster=hosts.cluster,
        secret_store=hosts.secret_store,
        vault_engines=hosts.vault_baseline,
        database=hosts.database,
        drawings=drawings[primary.name],
        service=lab,
        told=policies.told(lab, version, policies.settings(home)),
        auditor_ground=machines.auditor_ground(home, delivery.artifacts),
        operator_ground=sandbox_service.ground(
            home, facts_of(lab, primary, version), delivery.artifacts, hosts.vault_authority
        ),
    )
    context = _Context(lab, home, delivery)
    parts = {member.name: context.part(member) for member in lab.clouds}
    for member in lab.clouds:
        part = parts[member.name]
        sandboxes |= layers.compose(
            lab.name,
            part=member.name,
            cluster=part.cluster,
            secret_store=replace(
                hosts.secret_store, jwt_mount=naming.vault_jwt(member.site.ground)
            ),
            vault_engines=hosts.vault_baseline,
            drawings=drawings[member.name],
            told=policies.told(lab, part.kubernetes_version, part.settings),
            auditor_ground=part.auditor,
            system_routes=part.system_routes,
        )
    gateways = [Gateway(part.gateway) for part in parts.values()]
    hub = Gateway(context.hub(gateways))
    tunnels(hub, gateways, [context.flow])
    _routes_home(context, ground)

    clusters = {primary.name: hosts.cluster} | {n: part.cluster for n, part in parts.items()}
    pulumi.export("places", dict(lab.places))
    pulumi.export("vault", hosts.secret_store.address)
    pulumi.export("endpoints", {name: one.endpoint for name, one in clusters.items()})
    pulumi.export("kubeconfigs", {name: one.kubeconfig for name, one in clusters.items()})
    pulumi.export("gateways", {one.args.ground: one.args.endpoint for one in (hub, *gateways)})
    pulumi.export("sandboxes", sandboxes)


def _drawings(lab: HybridLab, member: Member, version: str) -> list[Blueprint]:
    facts = facts_of(lab, member, version)
    return [blueprint.draw(spec, facts) for spec in lab.on(member.name)]


def facts_of(lab: HybridLab, member: Member, version: str) -> LabFacts:
    """What a sandbox must know of the lab around it: its own ground, the primary's Vault, and
    that the other grounds are closed to it.
    """
    elsewhere = tuple(
        range_ for other in lab.members if other != member for range_ in other.site.closed
    )
    match member.site:
        case OnPremSite() as site:
            facts = blueprint.facts_of(lab.name, site, version)
        case AwsSite() as site:
            facts = aws.facts_of(lab.name, site)
        case AzureSite() as site:
            facts = azure.facts_of(lab.name, site)
        case other:
            assert_never(other)
    network = replace(facts.network, vault=_vaults(lab.home), elsewhere=elsewhere)
    if member.name == lab.primary:
        return replace(facts, network=network)
    mounts = VaultMounts(jwt=naming.vault_jwt(member.site.ground))
    return replace(facts, network=network, mounts=mounts)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a further ground hands on."""

    cluster: Cluster
    gateway: GatewayArgs
    kubernetes_version: str
    settings: Settings
    auditor: auditor.Ground
    system_routes: Sequence[SystemRoute]


@dataclass(frozen=True, slots=True)
class _Context:
    """What every further ground must know of the primary one."""

    lab: HybridLab
    home: OnPremLab
    delivery: Delivery

    @property
    def flow(self) -> Flow:
        """All that may cross the tunnels."""
        return Flow(_texts(_callers(self.lab)), _texts(_vaults(self.home)), VAULT_PORT, _LOGIN)

    def part(self, member: Member) -> _Part:
        match member.site:
            case AwsSite() as site:
                return self._aws(member, site)
            case AzureSite() as site:
                return self._azure(member, site)
            case other:
                raise AssertionError(f"{other.ground} is no further ground")

    def _aws(self, member: Member, site: AwsSite) -> _Part:
        ground = AwsGround(self.lab.part(member), site)
        vpn = aws_vpn.VpnGateway(
            ground.place,
            aws_vpn.VpnArgs(
                ground=member.name,
                lab=self.lab.name,
                network=ground.network,
                ranges=site.network,
                machines=site.vault_machines,
                volumes_key=ground.keys["volumes"],
                node_group=ground.node_group,
                port=member.gateway.port,
                hub=self.lab.hub.endpoint,
                hub_port=self.lab.hub.port,
                behind=_vaults(self.home),
                flow=self.flow,
                delivery=self.delivery,
            ),
            pulumi.ResourceOptions(parent=ground),
        )
        return _Part(
            ground.cluster,
            vpn.args,
            site.eks.version,
            policies.of_registry(ground.registry.address),
            aws.auditor_ground(site, self.delivery.artifacts, ground.registry.address),
            aws.system_routes(site),
        )

    def _azure(self, member: Member, site: AzureSite) -> _Part:
        ground = AzureGround(
            AzureArgs(
                name=self.lab.part(member),
                site=site,
                neighbours=_vaults(self.home),
                gateway=True,
            )
        )
        vpn = azure_vpn.VpnGateway(
            azure_vpn.VpnArgs(
                ground=member.name,
                place=ground.place,
                network=ground.network,
                site=site,
                disk_encryption=ground.disk_encryption,
                workspace=ground.workspace,
                port=member.gateway.port,
                hub=self.lab.hub.endpoint,
                hub_port=self.lab.hub.port,
                flow=self.flow,
                delivery=self.delivery,
                logs=str(paths.Home(self.lab.name).logs),
            ),
            opts=pulumi.ResourceOptions(parent=ground),
        )
        return _Part(
            ground.cluster,
            vpn.args,
            site.cluster.kubernetes_version,
            policies.of_registry(ground.registry.address),
            azure.auditor_ground(site, self.delivery.artifacts, ground.registry.address),
            azure.system_routes(site),
        )

    def hub(self, spokes: Sequence[Gateway]) -> GatewayArgs:
        """The primary's end. Its machine is one of the institution's own."""
        member = self.lab.ordered[0]
        spec = member.gateway
        machine = Machine(
            name=spec.name,
            role="gateway",
            address=str(self.lab.hub.address),
            instance=str(spec.installation),
            resource=GivenMachine(spec.name),
        )
        return GatewayArgs(
            ground=member.name,
            hosts=given.hosts_args(self.home, [machine], self.delivery),
            endpoint=str(self.lab.hub.endpoint),
            port=self.lab.hub.port,
            callers=[pulumi.Output.concat(one.args.endpoint, "/32") for one in spokes],
            ranges=_texts(_vaults(self.home)),
        )


def _routes_home(context: _Context, ground: OnPremGround) -> None:
    """Vault's answers find the way back to the sandboxes that asked."""
    vaults = [machine for machine in ground.machines if machine.role == "vault"]
    plan = Plan(given.hosts_args(context.home, ground.machines, context.delivery), ground)
    plan.run(
        "gateway_routes",
        roles=("vault",),
        goes_with=vaults[0],
        after=[ground.hosts.secret_store.resource],
        variables={
            "wireguard_gateway_ranges": _texts(_callers(context.lab)),
            "wireguard_gateway_address": str(context.lab.hub.address),
        },
    )


def _callers(lab: HybridLab) -> tuple[IPv4Network, ...]:
    """From where sandboxes of further grounds come, as Vault sees it: their nodes' ranges."""
    ranges: list[IPv4Network] = []
    for member in lab.clouds:
        match member.site:
            case AwsSite() as site:
                ranges += site.network.subnets("nodes")
            case AzureSite() as site:
                ranges.append(site.network.nodes)
    return tuple(ranges)


def _vaults(home: OnPremLab) -> tuple[IPv4Network, ...]:
    """Every address of Vault, each as a range of one."""
    return tuple(IPv4Network(address) for address in home.vault_addresses)


def _texts(ranges: Sequence[IPv4Network]) -> list[str]:
    return [str(range_) for range_ in ranges]
