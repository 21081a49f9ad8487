"""The lab's Vault on Azure: its machines, the key that opens it, and the roles that set it up."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.ground import AzureGround
from infra.clouds.azure.keys import KeyVault, KeyVaultArgs, Purpose
from infra.clouds.azure.vault import VaultMachines, VaultMachinesArgs
from infra.clouds.azure.watch import report
from infra.config import SshAccess, VaultSpec
from infra.config.grounds.azure import AzureSite
from infra.config.ssh import expanded
from infra.contracts import SecretStore
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.hosts.vault import VaultHosts
from infra.provider import sdk
from infra.secrets.store import VaultBaseline

#: Hyper-V's clock in a machine, and from where Azure's load balancers look after it
#: (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
_CLOCK = "/dev/ptp_hyperv"
_PROBES = "168.63.129.16/32"


@dataclass(frozen=True, slots=True)
class AzureVaultArgs:
    """`lab` names the folder of the lab's credentials; `logs` is that of the playbooks' logs, on
    the engineer's host. Of `spec` the numbers of recovery keys count: Key Vault opens Vault.
    """

    lab: str
    site: AzureSite
    spec: VaultSpec
    delivery: Delivery
    logs: str


class AzureVault(pulumi.ComponentResource):
    """Vault on three machines of the ground, opened by a key that is in a vault of its own."""

    secret_store: SecretStore
    #: Engines of the secret store; what uses keys or secrets depends on it.
    vault_baseline: VaultBaseline

    def __init__(
        self,
        ground: AzureGround,
        args: AzureVaultArgs,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        place, site = ground.place, args.site
        super().__init__(
            "ailab:azure:Vault",
            place.name,
            {},
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=ground), opts),
        )
        own = pulumi.ResourceOptions(parent=self)
        unseal = KeyVault(
            KeyVaultArgs(place, "unseal", [Purpose("unseal")], ground.endpoints), opts=own
        )
        report(place, ground.workspace, "unseal", unseal.id, parent=self)
        machines = VaultMachines(
            VaultMachinesArgs(
                place=place,
                spec=site.vault_machines,
                subnet=ground.network.vault,
                range_=site.network.vault,
                disk_encryption=ground.disk_encryption,
                key=unseal.keys["unseal"],
                before=unseal.reachable,
            ),
            opts=own,
        )
        hosts = VaultHosts(
            place.name,
            _hosts(args, ground, machines),
            args.spec.model_copy(
                update={"seal": "azurekeyvault", "seal_settings": machines.seal()}
            ),
            opts=own,
        )
        self.secret_store, self.vault_baseline = hosts.secret_store, hosts.vault_baseline
        self.register_outputs({})


def _hosts(args: AzureVaultArgs, ground: AzureGround, machines: VaultMachines) -> HostsArgs:
    site = args.site
    administration = [str(range_) for range_ in site.administration]
    return HostsArgs(
        lab=args.lab,
        machines=machines.machines,
        connection=_connection(site.vault_machines.ssh, args.logs),
        delivery=args.delivery,
        ranges=Ranges(
            machines=site.network.vault,
            pods=site.network.pods,
            services=site.network.services,
            cluster_dns=site.network.cluster_dns,
            controller=str(site.administration[0].network_address),
        ),
        vault=str(machines.address),
        registry=ground.registry,
        variables={
            # No time server can be reached; the host's own clock is a device.
            "base_time_servers": [],
            "base_clock_devices": [_CLOCK],
            "base_administration_sources": administration,
            # Pods come with the addresses of their nodes, the load balancer to see who leads.
            "base_vault_sources": [str(site.network.nodes), _PROBES],
            "vault_server_client_ranges": [*administration, "127.0.0.1/32"],
        },
    )


def _connection(ssh: SshAccess, logs: str) -> sdk.SshConnection:
    return sdk.SshConnection(
        ssh_key=expanded(ssh.private_key),
        known_hosts=expanded(ssh.known_hosts),
        logs=logs,
        user=ssh.user,
        port=ssh.port,
    )
