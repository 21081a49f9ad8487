"""The local ground: machines made on this host, provisioned as any others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi

from infra import paths
from infra.config import LocalLab, MachineSpec
from infra.contracts import Machine, Registry
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.hosts.provision import ProvisionedHosts
from infra.provider import sdk

#: Where the cache of this host is mounted, read-only, in every local machine.
CACHE_ON_MACHINE = Path("/var/cache/ai-lab")


class LocalGround(pulumi.ComponentResource):
    """Machines on this host, and the cluster and Vault on them."""

    machines: list[Machine]
    hosts: ProvisionedHosts

    def __init__(
        self,
        lab: LocalLab,
        *,
        delivery: Delivery,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:hosts:LocalGround", lab.name, {}, opts)
        self._lab = lab
        vault = self._machine(lab.with_role("vault")[0])
        # What the control plane stored is unreadable without the key in Vault, and a worker
        # belongs to one control plane: whoever loses the machine before it begins anew as well.
        control_plane = self._machine(lab.with_role("control-plane")[0], with_=vault)
        workers = [self._machine(spec, with_=control_plane) for spec in lab.with_role("worker")]
        made = {machine.name: machine for machine in (vault, control_plane, *workers)}
        self.machines = [made[spec.name] for spec in lab.machines]
        self.hosts = ProvisionedHosts(
            lab.name,
            _args(lab, self.machines, delivery),
            lab.vault,
            addresses={spec.name: str(spec.address) for spec in lab.machines},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def _machine(self, spec: MachineSpec, *, with_: Machine | None = None) -> Machine:
        made = sdk.Machine(
            spec.name,
            lab=self._lab.name,
            machine_name=spec.name,
            role=spec.role,
            address=str(spec.address),
            network=str(self._lab.network.machines),
            home=str(paths.Home(self._lab.name).root),
            opts=pulumi.ResourceOptions(
                parent=self,
                replacement_trigger=None if with_ is None else with_.instance,
                delete_before_replace=True,
            ),
        )
        return Machine(
            name=spec.name,
            role=spec.role,
            address=made.address,
            instance=made.instance,
            resource=made,
        )


def _args(lab: LocalLab, machines: Sequence[Machine], delivery: Delivery) -> HostsArgs:
    home, network = paths.Home(lab.name), lab.network
    return HostsArgs(
        lab=lab.name,
        machines=machines,
        connection=sdk.SshConnection(
            ssh_key=str(home.ssh_key), known_hosts=str(home.known_hosts), logs=str(home.logs)
        ),
        delivery=delivery,
        ranges=Ranges(
            machines=network.machines,
            pods=network.pods,
            services=network.services,
            cluster_dns=network.cluster_dns,
            controller=str(network.gateway),
        ),
        vault=str(lab.with_role("vault")[0].address),
        kubernetes=str(lab.with_role("control-plane")[0].address),
        registry=Registry(lab.registry.address if lab.registry else None),
        database=lab.database.machine if lab.database else None,
    )
