"""No machine on Azure has a public address, but a gateway."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.properties import Properties, must_be, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value, values


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    # What hands on packets of others is a gateway; azure-one-public-address counts them.
    forwards = value(properties, "enableIPForwarding") is True
    for key in ("ipConfigurations", "frontendIPConfigurations"):
        if properties.get(key) and not forwards:
            for found in values(properties, f"{key}.*.publicIPAddress"):
                if found is not None:
                    yield f"{key}: it has a public address"


def _public(properties: dict[str, Any]) -> None:
    """With whatever gives a resource of its type a public address."""
    for key in ("ipConfigurations", "frontendIPConfigurations"):
        for one in properties.get(key, []):
            one["publicIPAddress"] = {"id": "some"}
    properties["enableIPForwarding"] = False
    properties["enableNodePublicIP"] = True
    for pool in properties.get("agentPoolProfiles", []):
        pool["enableNodePublicIP"] = True


RULE = Rule(
    id="azure-no-public-addresses",
    title="No node, machine or load balancer has a public address, and there is no other way in "
    "or out of the network.",
    reason="A machine with a public address is one open port away from being everybody's.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.11", "CYB-8.2c", "CYB-8.3b", "AIA-59.1d"),
    preview=Properties(
        {
            "azure-native:containerservice:AgentPool": (
                must_be("enableNodePublicIP", False),
                must_not_be_set("nodePublicIPPrefixID", broken="some"),
            ),
            "azure-native:containerservice:ManagedCluster": (
                must_be("agentPoolProfiles.*.enableNodePublicIP", False),
            ),
            "azure-native:network:LoadBalancer": (),
            "azure-native:network:NetworkInterface": (),
        },
        check=_check,
        broken=(_public,),
        forbidden={
            "azure-native:network:ApplicationGateway": {"applicationGatewayName": "open"},
            "azure-native:network:AzureFirewall": {"azureFirewallName": "open"},
            "azure-native:network:BastionHost": {"bastionHostName": "open"},
            "azure-native:network:NatGateway": {"natGatewayName": "open"},
            "azure-native:network:PublicIPPrefix": {"publicIpPrefixName": "open"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Reach it from the institution's network, through the peering.",
)
