"""Nothing on Azure has a way to the internet."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided, is_narrow
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    if "addressPrefix" in properties or "addressPrefixes" in properties:
        # What Azure itself runs in a subnet (delegations) brings its own routes.
        if not value(properties, "routeTable.id") and not decided(properties, "delegations"):
            yield "routeTable: it follows Azure's own routes, to the internet"
        return
    if "virtualNetworkName" in properties or "networkProfile" in properties:
        return  # a peering, or a cluster
    routes = decided(properties, "routes") or []
    for one in routes:
        prefix, hop = one.get("addressPrefix"), one.get("nextHopType")
        if hop == "Internet" and not is_narrow(prefix):
            yield f"routes: {prefix} leads to the internet"
    rest = [one.get("nextHopType") for one in routes if one.get("addressPrefix") == "0.0.0.0/0"]
    if rest not in (["None"], ["VirtualAppliance"]):
        yield "routes: what no route names follows Azure's own, to the internet"


def _way_out(properties: dict[str, Any]) -> None:
    properties["routes"] = [{"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}]
    _azures_own(properties)


def _azures_routes(properties: dict[str, Any]) -> None:
    properties["routes"] = []
    _azures_own(properties)


def _azures_own(properties: dict[str, Any]) -> None:
    properties["defaultOutboundAccess"] = properties["allowGatewayTransit"] = True
    properties.pop("delegations", None)
    properties.pop("routeTable", None)
    if "networkProfile" in properties:
        properties["networkProfile"]["outboundType"] = "loadBalancer"


RULE = Rule(
    id="azure-no-way-to-the-internet",
    title="No network of a lab has a way to the internet.",
    reason="Data leaves by any way that is there: a sandbox that is taken over must find none. "
    "Azure gives subnets one unless they refuse it.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.11", "SATRE-3.1.12", "EUDPR-46", "CYB-8.3b", "AIA-4a.1d"),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be(
                    "networkProfile.outboundType",
                    "none",
                    "block",
                    "userDefinedRouting",
                    broken=("loadBalancer", "managedNATGateway"),
                ),
            ),
            "azure-native:network:RouteTable": (),
            # Others would come and go through the lab.
            "azure-native:network:VirtualNetworkPeering": (
                must_be("allowGatewayTransit", False, safe=False),
            ),
            "azure-native:network:Subnet": (must_be("defaultOutboundAccess", False, safe=False),),
        },
        check=_check,
        broken=(_way_out, _azures_routes),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Route 0.0.0.0/0 to None, and set `default_outbound_access` to false.",
)
