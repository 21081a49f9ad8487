"""Stores, vaults, databases and registries on Azure are reached by private endpoints."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Resource, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_ENDPOINT = "azure-native:network:PrivateEndpoint"
_NAMES = "azure-native:network:PrivateDnsZoneGroup"
_PRIVATE = (
    "azure-native:containerregistry:Registry",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Vault",
    "azure-native:storage:StorageAccount",
)


def _is_elsewhere(stack: Stack, one: Resource) -> bool:
    """A vault in the paired region is used by Azure's own services alone, for copies."""
    here = {value(other.properties, "location") for other in stack.of_type(*_PRIVATE[:2])}
    is_vault = one.type == "azure-native:keyvault:Vault"
    return is_vault and bool(here) and value(one.properties, "location") not in here


def _check(stack: Stack) -> Iterator[Fault]:
    for one in stack.of_type(*_PRIVATE):
        if _is_elsewhere(stack, one):
            continue
        ends = stack.naming(one, "privateLinkServiceConnections", _ENDPOINT)
        if not ends:
            yield Fault("no private endpoint leads to it", one)
        for end in ends:
            if not stack.parts(end, "privateEndpointName", "privateEndpointName", _NAMES):
                yield Fault("its name does not lead to its private address", one)


RULE = Rule(
    id="azure-services-private",
    title="Every store, vault, database and registry has a private endpoint that takes over its "
    "name.",
    reason="Clients find a service by its name; without a private one they leave the network.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "SATRE-2.2.11", "CYB-8.3b"),
    preview=Relations(
        about=_PRIVATE,
        reads=(_ENDPOINT, _NAMES),
        check=_check,
        broken=(
            without(_ENDPOINT),
            without(_NAMES),
            changed(_ENDPOINT, "privateLinkServiceConnections", []),
            changed(_NAMES, "privateEndpointName", "another"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a PrivateEndpoint and a PrivateDnsZoneGroup for it.",
)
