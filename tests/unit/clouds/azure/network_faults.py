"""Faults of the network: what has a way out or in, and what is not reached privately."""

from __future__ import annotations

from infra.config import AzureLab
from tests.harness.deploy import Deployment, Resource
from tests.unit.clouds.azure.expected import (
    ANYWHERE,
    ENDPOINT,
    GROUP,
    NETWORK,
    PRIVATE,
    SUBNET,
    Faults,
    azure,
    id_of,
    label,
    pools,
    rule,
    value,
)


@rule
def nothing_has_a_public_address(deployment: Deployment, _: AzureLab) -> Faults:
    ways_out = {
        f"azure-native:network:{name}"
        for name in (
            "ApplicationGateway",
            "AzureFirewall",
            "BastionHost",
            "NatGateway",
            "PublicIPAddress",
            "PublicIPPrefix",
            "VirtualNetworkGateway",
        )
    }
    for one in azure(deployment):
        if one.type in ways_out:
            yield f"{label(one)}: it leads to the internet"
    for one in deployment.of_type("azure-native:network:NetworkInterface"):
        for entry in one.inputs["ipConfigurations"]:
            if "publicIPAddress" in entry:
                yield f"{label(one)}: it has a public address"
    for one in deployment.of_type("azure-native:network:LoadBalancer"):
        for entry in one.inputs["frontendIPConfigurations"]:
            if "publicIPAddress" in entry or "subnet" not in entry:
                yield f"{label(one)}: it has a public address"
    for name, pool in pools(deployment):
        if pool.get("enableNodePublicIP") is not False or "nodePublicIPPrefixID" in pool:
            yield f"pool {name}: its nodes have public addresses"


@rule
def only_the_institutions_network_is_joined(deployment: Deployment, lab: AzureLab) -> Faults:
    for one in deployment.of_type("azure-native:network:VirtualNetworkPeering"):
        if value(one.inputs, "remoteVirtualNetwork.id") != lab.hub:
            yield f"{label(one)}: it joins another network"
        if one.inputs.get("allowGatewayTransit") is not False:
            yield f"{label(one)}: others come through the lab"
    known = {id_of(one) for one in deployment.of_type(NETWORK)} | {lab.hub}
    for one in deployment.of_type("azure-native:privatedns:VirtualNetworkLink"):
        if value(one.inputs, "virtualNetwork.id") not in known:
            yield f"{label(one)}: another network knows the lab's names"


@rule
def every_subnet_is_closed(deployment: Deployment, lab: AzureLab) -> Faults:
    groups = {id_of(one): one for one in deployment.of_type(GROUP)}
    tables = {id_of(one): one for one in deployment.of_type("azure-native:network:RouteTable")}
    for one in deployment.of_type(SUBNET):
        group = groups.get(value(one.inputs, "networkSecurityGroup.id"))
        if group is None:
            yield f"{label(one)}: no rules stand before it"
            continue
        yield from _openings(group)
        table = tables.get(value(one.inputs, "routeTable.id"))
        delegated = bool(one.inputs.get("delegations"))
        if table is None and not delegated:
            yield f"{label(one)}: Azure's own routes lead out of it"
    for table in tables.values():
        for route in table.inputs["routes"]:
            if route["nextHopType"] == "Internet" or (
                route["addressPrefix"] == "0.0.0.0/0" and route["nextHopType"] != "None"
            ):
                yield f"{label(table)}: it leads to the internet"


def _openings(group: Resource) -> Faults:
    rules = group.inputs["securityRules"]
    for direction in ("Inbound", "Outbound"):
        mine = sorted(
            (one for one in rules if one["direction"] == direction),
            key=lambda one: int(one["priority"]),
        )
        last = mine[-1] if mine else {}
        if (
            last.get("access"),
            last.get("protocol"),
            last.get("sourceAddressPrefix"),
            last.get("destinationAddressPrefix"),
            last.get("destinationPortRange"),
        ) != ("Deny", "*", "*", "*", "*"):
            yield f"{label(group)}: what no rule names may pass ({direction.lower()})"
        side = "source" if direction == "Inbound" else "destination"
        for one in mine:
            peers = {one.get(f"{side}AddressPrefix"), *one.get(f"{side}AddressPrefixes", [])}
            if one["access"] == "Allow" and peers & ANYWHERE:
                yield f"{label(group)}: {one['name']} is for everybody"


@rule
def the_way_in_is_from_engineers_only(deployment: Deployment, lab: AzureLab) -> Faults:
    """SSH is for administration ranges, and Azure's load balancers get to what they serve."""
    engineers = {str(range_) for range_ in lab.administration}
    for group in deployment.of_type(GROUP):
        for one in group.inputs["securityRules"]:
            ports = set(one.get("destinationPortRanges", []))
            peers = {one.get("sourceAddressPrefix"), *one.get("sourceAddressPrefixes", [])}
            if one["access"] == "Allow" and "22" in ports and peers - engineers - {None}:
                yield f"{label(group)}: {one['name']} lets {sorted(map(str, peers))} in by SSH"


@rule
def services_are_reached_privately(deployment: Deployment, _: AzureLab) -> Faults:
    zones = {id_of(one): one for one in deployment.of_type("azure-native:privatedns:PrivateZone")}
    own = {id_of(one) for one in deployment.of_type(NETWORK)}
    linked = {
        one.inputs["privateZoneName"]
        for one in deployment.of_type("azure-native:privatedns:VirtualNetworkLink")
        if value(one.inputs, "virtualNetwork.id") in own
    }
    named = {
        one.inputs["privateEndpointName"]: one
        for one in deployment.of_type("azure-native:network:PrivateDnsZoneGroup")
    }
    ends: dict[str, Resource] = {}
    for one in deployment.of_type(ENDPOINT):
        for connection in one.inputs["privateLinkServiceConnections"]:
            ends[connection["privateLinkServiceId"]] = one
    for type_ in PRIVATE:
        for one in deployment.of_type(type_):
            if one.inputs.get("vaultName", "").startswith("geo"):
                continue
            end = ends.get(id_of(one))
            if end is None:
                yield f"{label(one)}: nothing of the lab reaches it"
                continue
            group = named.get(end.inputs["privateEndpointName"])
            entries = group.inputs["privateDnsZoneConfigs"] if group else []
            found = [zones[entry["privateDnsZoneId"]] for entry in entries]
            if not found or any(zone.inputs["privateZoneName"] not in linked for zone in found):
                yield f"{label(one)}: its name does not lead to its private address"
