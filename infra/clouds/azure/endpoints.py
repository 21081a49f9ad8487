"""Private endpoints: Azure's services at addresses of the lab's own network, found by its own DNS.

Names of zones: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import network, privatedns


@dataclass(frozen=True, slots=True)
class Service:
    """What a private endpoint leads to: Azure's word for it, and the zones of its names."""

    group: str
    zones: tuple[str, ...]


BLOB = Service("blob", ("privatelink.blob.core.windows.net",))
KEY_VAULT = Service("vault", ("privatelink.vaultcore.azure.net",))
REGISTRY = Service("registry", ("privatelink.azurecr.io",))
POSTGRESQL = Service("postgresqlServer", ("privatelink.postgres.database.azure.com",))
MONITOR = Service(
    "azuremonitor",
    (
        "privatelink.monitor.azure.com",
        "privatelink.oms.opinsights.azure.com",
        "privatelink.ods.opinsights.azure.com",
        "privatelink.agentsvc.azure-automation.net",
        *BLOB.zones,
    ),
)
_SERVICES = (BLOB, KEY_VAULT, REGISTRY, POSTGRESQL, MONITOR)


@dataclass(frozen=True, slots=True)
class EndpointsArgs:
    """`networks` are ids of those that know the names, by a word for each (`own`, `hub`); `subnet`
    is the id of the one that the endpoints lie in.
    """

    place: Place
    networks: Mapping[str, pulumi.Input[str]]
    subnet: pulumi.Input[str]


class Endpoints(pulumi.ComponentResource):
    """The zones of all services, known to the lab's network; endpoints as they are asked for."""

    def __init__(self, args: EndpointsArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Endpoints", args.place.name, {}, opts)
        self._args = args
        names = sorted({zone for service in _SERVICES for zone in service.zones})
        self._zones = {name: zone(args.place, name, args.networks, parent=self) for name in names}
        self.register_outputs({})

    def to(
        self, name: str, service: Service, target: pulumi.Input[str], *, parent: pulumi.Resource
    ) -> pulumi.Resource:
        """Makes the endpoint to one resource, by its id. Returns what must be there before anybody
        in the lab's network can use the resource.
        """
        place = self._args.place
        endpoint = network.PrivateEndpoint(
            place.named(name),
            private_endpoint_name=place.named(name),
            resource_group_name=place.group,
            location=place.location,
            subnet=network.SubnetArgs(id=self._args.subnet),
            custom_network_interface_name=place.named(f"{name}-endpoint"),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=name, group_ids=[service.group], private_link_service_id=target
                )
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        return network.PrivateDnsZoneGroup(
            place.named(name),
            private_dns_zone_group_name="default",
            private_endpoint_name=endpoint.name,
            resource_group_name=place.group,
            private_dns_zone_configs=self._entries(service.zones),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _entries(self, names: Sequence[str]) -> list[network.PrivateDnsZoneConfigArgs]:
        return [
            network.PrivateDnsZoneConfigArgs(
                name=name.replace(".", "-"), private_dns_zone_id=self._zones[name].id
            )
            for name in names
        ]


def zone(
    place: Place,
    name: str,
    networks: Mapping[str, pulumi.Input[str]],
    *,
    parent: pulumi.Resource,
) -> privatedns.PrivateZone:
    """A private DNS zone that these networks (ids by a word for each) ask, and nobody else."""
    made = privatedns.PrivateZone(
        place.named(name),
        private_zone_name=name,
        resource_group_name=place.group,
        location="global",
        tags=place.tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    for word, id_ in networks.items():
        privatedns.VirtualNetworkLink(
            place.named(f"{word}-{name}"),
            virtual_network_link_name=f"{place.name}-{word}",
            private_zone_name=made.name,
            resource_group_name=place.group,
            location="global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=id_),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
    return made
