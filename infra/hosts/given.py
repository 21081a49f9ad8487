"""Machines that are there already: an inventory of one's own, provisioned as any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from infra import paths
from infra.config import OnPremLab, OnPremSite, SshAccess
from infra.config.grounds.onprem import BackupSpec, Endpoint, OnPremMachine
from infra.config.ssh import expanded
from infra.contracts import Machine, Registry
from infra.hosts import playbooks
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.hosts.provision import ProvisionedHosts
from infra.provider import sdk
from infra.toolchain import Artifact

#: Where programs and images are put on machines that mount no mirror.
STAGING = "/var/lib/ai-lab/artifacts"


class GivenMachine(pulumi.ComponentResource):
    """Stands for a machine that nobody here makes or removes."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:hosts:GivenMachine", name, {}, opts)
        self.register_outputs({})


class OnPremGround(pulumi.ComponentResource):
    """Machines of one's own, and the cluster and Vault on them."""

    machines: list[Machine]
    hosts: ProvisionedHosts

    def __init__(
        self,
        lab: OnPremLab,
        *,
        delivery: Delivery,
        variables: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`variables` go to every playbook, over those that the site's configuration gives."""
        super().__init__("ailab:hosts:OnPremGround", lab.name, {}, opts)
        self.machines = [self._machine(spec) for spec in lab.machines]
        self.hosts = ProvisionedHosts(
            lab.name,
            hosts_args(lab, self.machines, delivery, variables),
            lab.vault,
            addresses={spec.name: str(spec.address) for spec in lab.machines},
            backup=None if lab.backup is None else _backup(lab.backup),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def _machine(self, spec: OnPremMachine) -> Machine:
        return Machine(
            name=spec.name,
            role=spec.role,
            address=str(spec.address),
            instance=str(spec.installation),
            resource=GivenMachine(spec.name, pulumi.ResourceOptions(parent=self)),
        )


def hosts_args(
    lab: OnPremLab,
    machines: Sequence[Machine],
    delivery: Delivery,
    variables: Mapping[str, Any] | None = None,
) -> HostsArgs:
    """What the playbooks of a lab of given machines have in common."""
    network, home = lab.network, paths.Home(lab.name)
    return HostsArgs(
        lab=lab.name,
        machines=machines,
        connection=sdk.SshConnection(
            ssh_key=expanded(lab.ssh.private_key),
            known_hosts=expanded(lab.ssh.known_hosts),
            logs=str(home.logs),
            user=lab.ssh.user,
            port=lab.ssh.port,
        ),
        delivery=delivery,
        ranges=Ranges(
            machines=network.machines,
            pods=network.pods,
            services=network.services,
            cluster_dns=network.cluster_dns,
            controller=str(lab.controller),
        ),
        vault=str(lab.address_of("vault")),
        kubernetes=str(lab.address_of("control-plane")),
        registry=Registry(lab.registry.address if lab.registry else None),
        variables={**site_variables(lab), **(variables or {})},
        host_variables={spec.name: host_variables(spec) for spec in lab.machines},
        database=lab.database.machine if lab.database else None,
    )


def delivery_of(site: OnPremSite, artifacts: Mapping[str, Artifact], version: str) -> Delivery:
    """Programs from the mirror that the site mounts, or copied from this host."""
    return Delivery(
        artifacts=artifacts,
        kubernetes_version=version,
        folder=Path(site.artifacts or STAGING),
        on_machine=site.artifacts is not None,
    )


def site_variables(site: OnPremSite) -> dict[str, Any]:
    """What the roles must know of the site, over their defaults."""
    variables: dict[str, Any] = {
        "base_administration_sources": [str(site.controller), *map(str, site.administrators)],
        "base_time_servers": list(site.time_servers),
        "lab_virtual_addresses": {
            group: _virtual_address(endpoint)
            for group, endpoint in (
                ("control_plane", site.kubernetes_endpoint),
                ("vault", site.vault_endpoint),
            )
            if endpoint is not None and endpoint.carrier == "keepalived"
        },
    }
    if site.name_servers:
        variables["base_name_servers"] = [str(address) for address in site.name_servers]
    if site.registry_ca is not None:
        variables["containerd_registry_ca"] = expanded(site.registry_ca)
    if site.tang:
        variables["disk_encryption_tang"] = [server.model_dump() for server in site.tang]
        variables["disk_encryption_tang_threshold"] = site.tang_threshold
    return variables


def _virtual_address(endpoint: Endpoint) -> dict[str, Any]:
    return {"address": str(endpoint.address), "router": endpoint.router}


def host_variables(spec: OnPremMachine) -> dict[str, Any]:
    """What the roles must know of one machine, and the way to it where that is its own."""
    variables: dict[str, Any] = {"nvidia_wanted": True} if spec.gpu else {}
    if spec.data_disk is not None:
        variables["disk_encryption_device"] = spec.data_disk
    if spec.ssh is not None:
        variables |= playbooks.ssh_variables(_ssh(spec.ssh))
    return variables


def _ssh(access: SshAccess) -> playbooks.Ssh:
    return playbooks.Ssh(
        key=Path(expanded(access.private_key)),
        known_hosts=Path(expanded(access.known_hosts)),
        user=access.user,
        port=access.port,
    )


def _backup(spec: BackupSpec) -> dict[str, Any]:
    return {
        "backup_recipient": expanded(spec.recipient),
        "backup_folder": spec.folder,
        "backup_schedule": spec.schedule,
        "backup_keep": spec.keep,
    }
