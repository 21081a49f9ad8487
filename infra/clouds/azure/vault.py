"""Vault's machines: three, one a zone, set up by the same playbooks as on any other ground.

Each opens its Vault with a key in Key Vault, as the identity that Azure gives it; no unseal key is
anywhere. Everybody reaches them by one address, which leads to the one that leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pulumi

from infra.clouds.azure.access import identity
from infra.clouds.azure.keys import CustomerKey
from infra.clouds.azure.machine import VirtualMachineArgs, virtual_machine
from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import managedidentity, network
from infra.config.grounds.azure import AzureVaultMachines
from infra.contracts import Machine

PORT = 8200
_ZONES = ("1", "2", "3")
#: Addresses by their place in the subnet; Azure keeps the first four for itself.
_FRONT, _FIRST_MACHINE = 10, 11
_FRONTEND, _BACKEND, _PROBE = "front", "machines", "leader"
#: Vault answers 200 here only where it leads
#: (https://developer.hashicorp.com/vault/api-docs/system/health).
_HEALTH = "/v1/sys/health"
_DISK_SIZE = 64


@dataclass(frozen=True, slots=True)
class VaultMachinesArgs:
    """`subnet` is the id of Vault's own, `range_` its addresses; `disk_encryption` the id of the
    set that encrypts disks. `before` is what must be there before the key can be used.
    """

    place: Place
    spec: AzureVaultMachines
    subnet: pulumi.Input[str]
    range_: IPv4Network
    disk_encryption: pulumi.Input[str]
    key: CustomerKey
    before: Sequence[pulumi.Resource] = ()


class VaultMachines(pulumi.ComponentResource):
    """The machines, as the playbooks want them."""

    machines: list[Machine]
    #: The one address by which everybody reaches Vault.
    address: IPv4Address

    def __init__(
        self, args: VaultMachinesArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ailab:azure:VaultMachines", args.place.name, {}, opts)
        self._args, self._place = args, args.place
        self.address = args.range_[_FRONT]
        user = identity(args.place, "vault", parent=self)
        allowed = args.key.lets(args.place, user, parent=self)
        backend = self._front()
        self.machines = [
            self._machine(number, zone, backend, user, [allowed, *args.before])
            for number, zone in enumerate(_ZONES)
        ]
        self.register_outputs({})

    def seal(self) -> dict[str, str]:
        """Vault's seal stanza (https://developer.hashicorp.com/vault/docs/configuration/seal).

        Who asks is the machine itself, so there is no secret in it.
        """
        return {
            "tenant_id": self._place.tenant,
            "vault_name": self._args.key.vault_name,
            "key_name": self._args.key.name,
        }

    def _front(self) -> pulumi.Output[str]:
        """The internal load balancer; returns the id of its pool of machines."""
        place, name = self._place, self._place.named("vault")
        own = pulumi.Output.concat(
            place.group_id, f"/providers/Microsoft.Network/loadBalancers/{name}"
        )

        def part(kind: str, of: str) -> network.SubResourceArgs:
            return network.SubResourceArgs(id=pulumi.Output.concat(own, f"/{kind}/{of}"))

        network.LoadBalancer(
            name,
            load_balancer_name=name,
            resource_group_name=place.group,
            location=place.location,
            sku=network.LoadBalancerSkuArgs(name="Standard"),
            frontend_ip_configurations=[
                network.FrontendIPConfigurationArgs(
                    name=_FRONTEND,
                    private_ip_allocation_method="Static",
                    private_ip_address=str(self.address),
                    subnet=network.SubnetArgs(id=self._args.subnet),
                    zones=list(_ZONES),
                )
            ],
            backend_address_pools=[network.BackendAddressPoolArgs(name=_BACKEND)],
            probes=[
                network.ProbeArgs(
                    name=_PROBE,
                    protocol="Https",
                    port=PORT,
                    request_path=_HEALTH,
                    interval_in_seconds=5,
                    probe_threshold=2,
                )
            ],
            load_balancing_rules=[
                network.LoadBalancingRuleArgs(
                    name="api",
                    protocol="Tcp",
                    frontend_port=PORT,
                    backend_port=PORT,
                    frontend_ip_configuration=part("frontendIPConfigurations", _FRONTEND),
                    backend_address_pool=part("backendAddressPools", _BACKEND),
                    probe=part("probes", _PROBE),
                    disable_outbound_snat=True,
                    enable_tcp_reset=True,
                )
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.concat(own, f"/backendAddressPools/{_BACKEND}")

    def _machine(
        self,
        number: int,
        zone: str,
        backend: pulumi.Output[str],
        user: managedidentity.UserAssignedIdentity,
        before: Sequence[pulumi.Resource],
    ) -> Machine:
        place, spec = self._place, self._args.spec
        short = f"vault-{number + 1}"
        name, address = place.named(short), str(self._args.range_[_FIRST_MACHINE + number])
        card = self._card(name, address, backend)
        made = virtual_machine(
            VirtualMachineArgs(
                name=name,
                place=place,
                spec=spec,
                zone=zone,
                card=card.id,
                disk_encryption=self._args.disk_encryption,
                disk_size=_DISK_SIZE,
                # Vault's data outlives the machine.
                keeps_disk=True,
                user=user.id,
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(before), protect=True, retain_on_delete=True
            ),
        )
        return Machine(
            name=short, role="vault", address=address, instance=made.vm_id, resource=made
        )

    def _card(
        self, name: str, address: str, backend: pulumi.Output[str]
    ) -> network.NetworkInterface:
        return network.NetworkInterface(
            name,
            network_interface_name=name,
            resource_group_name=self._place.group,
            location=self._place.location,
            enable_ip_forwarding=False,
            enable_accelerated_networking=True,
            ip_configurations=[
                network.NetworkInterfaceIPConfigurationArgs(
                    name="own",
                    primary=True,
                    private_ip_allocation_method="Static",
                    private_ip_address=address,
                    subnet=network.SubnetArgs(id=self._args.subnet),
                    load_balancer_backend_address_pools=[
                        network.BackendAddressPoolArgs(id=backend)
                    ],
                )
            ],
            tags=self._place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
