"""Security groups on Azure name their peers, and refuse everything else."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided, is_narrow
from policies.properties import Properties, must_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_RULES = "securityRules"
_EVERYTHING = {
    "access": "Deny",
    "protocol": "*",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "*",
}
#: Azure's health checks come from a range of its own.
_KNOWN_TAGS = ("AzureLoadBalancer",)


def _is_subnet(properties: Mapping[str, Any]) -> bool:
    return "virtualNetworkName" in properties


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    if _is_subnet(properties):
        return
    rules = decided(properties, _RULES) or []
    for direction, side in (("Inbound", "source"), ("Outbound", "destination")):
        mine = sorted(
            (one for one in rules if one.get("direction") == direction),
            key=lambda one: int(one.get("priority", 0)),
        )
        last = mine[-1] if mine else {}
        if not _EVERYTHING.items() <= last.items():
            yield f"{_RULES}: what no rule names may pass ({direction.lower()})"
        for one in mine:
            if one.get("access") == "Allow":
                for peer in _peers(one, side):
                    if peer not in _KNOWN_TAGS and not is_narrow(peer):
                        yield f"{_RULES}: {one.get('name')} is for {peer}"


def _peers(rule: Mapping[str, Any], side: str) -> list[str]:
    single = rule.get(f"{side}AddressPrefix")
    found = [*([single] if single else []), *(rule.get(f"{side}AddressPrefixes") or [])]
    groups = rule.get(f"{side}ApplicationSecurityGroups")
    return found if found or groups else ["everybody"]


def _open(direction: str, **changes: Any) -> Any:
    def spoil(properties: dict[str, Any]) -> None:
        if _is_subnet(properties):
            properties.pop("networkSecurityGroup", None)
            return
        rule = {
            "name": "added",
            "access": "Allow",
            "direction": direction,
            "priority": 4000,
            "protocol": "Tcp",
            "sourceAddressPrefix": "10.0.0.0/8",
            "destinationAddressPrefix": "10.0.0.0/8",
            "destinationPortRange": "443",
        }
        properties[_RULES] = [*properties.get(_RULES, []), rule | changes]

    spoil.__name__ = f"a rule for {direction} {changes}"
    return spoil


def _no_last(direction: str) -> Any:
    def spoil(properties: dict[str, Any]) -> None:
        if _is_subnet(properties):
            properties.pop("networkSecurityGroup", None)
            return
        properties[_RULES] = [
            one
            for one in properties[_RULES]
            if one["access"] == "Allow" or one["direction"] != direction
        ]

    spoil.__name__ = f"no last rule for {direction}"
    return spoil


RULE = Rule(
    id="azure-security-groups-closed",
    title="Every subnet has a security group that names its peers and refuses all others, in both "
    "directions.",
    reason="Azure's own last rules let everything out, and everything in from every network that "
    "is joined.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.10", "SATRE-2.2.11", "CYB-8.2j", "CYB-8.3b"),
    preview=Properties(
        {
            "azure-native:network:NetworkSecurityGroup": (),
            "azure-native:network:Subnet": (must_be_set("networkSecurityGroup.id"),),
        },
        check=_check,
        broken=(
            _open("Inbound", sourceAddressPrefix="*"),
            _open("Inbound", sourceAddressPrefix="Internet"),
            _open("Inbound", sourceAddressPrefix="VirtualNetwork"),
            _open("Inbound", sourceAddressPrefix="0.0.0.0/0"),
            _open("Outbound", destinationAddressPrefix="Internet"),
            _open("Outbound", destinationAddressPrefix="AzureCloud"),
            _open("Outbound", destinationAddressPrefix=None),
            _no_last("Inbound"),
            _no_last("Outbound"),
        ),
        forbidden={
            # Rules belong into the group, or nobody knows which one is the last.
            "azure-native:network:SecurityRule": {"access": "Allow", "sourceAddressPrefix": "*"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Name ranges of the lab, and end both directions with a rule that refuses everything.",
)
