"""Inventories with one protection taken away, by the rule that must find each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.clouds.azure.governance import INITIATIVES
from infra.clouds.azure.watch import ACTIVITIES, DEFENDER
from infra.config import AzureLab
from tests.harness.deploy import Deployment, Resource
from tests.unit.clouds.azure.expected import (
    AKS,
    BUDGET,
    FLOWS,
    GROUP,
    KEY,
    MACHINE,
    POLICY,
    POOL,
    POSTGRESQL,
    REGISTRY,
    ROLE,
    STORE,
    SUBNET,
    WORKSPACE,
)

Mutation = Callable[[Deployment, AzureLab], None]


def assign(inputs: dict[str, Any], path: str, new: Any) -> None:
    """Sets what lies at a path; None takes it away."""
    *way, last = path.split(".")
    at: Any = inputs
    for part in way:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    if new is None:
        at.pop(last, None)
    else:
        at[last] = new


def one(deployment: Deployment, type_: str, name: str = "") -> Resource:
    """The last resource of a type (whose name ends so)."""
    return [entry for entry in deployment.of_type(type_) if entry.name.endswith(name)][-1]


def remove(deployment: Deployment, *gone: Resource) -> None:
    urns = {entry.urn for entry in gone}
    deployment.resources = [entry for entry in deployment.resources if entry.urn not in urns]


def swap(deployment: Deployment, old: Resource, **changes: Any) -> None:
    remove(deployment, old)
    deployment.resources.append(replace(old, **changes))


def _foreign_type(deployment: Deployment, name: str) -> None:
    given = deployment.of_type(SUBNET)[0]
    deployment.resources.append(replace(given, type=f"azure-native:network:{name}", urn=name))


def _card(deployment: Deployment, lab: AzureLab) -> None:
    card = one(deployment, "azure-native:network:NetworkInterface")
    card.inputs["ipConfigurations"][0]["publicIPAddress"] = {"id": "some"}


def _front(deployment: Deployment, lab: AzureLab) -> None:
    balancer = one(deployment, "azure-native:network:LoadBalancer")
    front = balancer.inputs["frontendIPConfigurations"][0]
    front["publicIPAddress"] = {"id": "some"}


def _first_pool(path: str, new: Any) -> Mutation:
    return lambda deployment, _: assign(
        deployment.of_type(AKS)[0].inputs["agentPoolProfiles"][0], path, new
    )


def _set(type_: str, path: str, new: Any, name: str = "") -> Mutation:
    return lambda deployment, _: assign(one(deployment, type_, name).inputs, path, new)


def _drop(type_: str, name: str) -> Mutation:
    return lambda deployment, _: remove(deployment, one(deployment, type_, name))


def _ways_out(name: str) -> Mutation:
    return lambda deployment, _: _foreign_type(deployment, name)


def _rule(group: str, rule: str, **changes: Any) -> Mutation:
    def mutate(deployment: Deployment, lab: AzureLab) -> None:
        rules = one(deployment, GROUP, group).inputs["securityRules"]
        next(entry for entry in rules if entry["name"] == rule).update(changes)

    return mutate


def _no_last_rule(deployment: Deployment, lab: AzureLab) -> None:
    rules = one(deployment, GROUP, "-nodes").inputs["securityRules"]
    rules.remove(next(entry for entry in rules if entry["name"] == "nothing-else-outbound"))


def _role(role: str) -> Mutation:
    where = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/"
    return _set(ROLE, "roleDefinitionId", where + role)


def _no_geo_key(deployment: Deployment, lab: AzureLab) -> None:
    assign(one(deployment, POSTGRESQL).inputs, "dataEncryption.geoBackupKeyURI", None)


def _shared_vault(deployment: Deployment, lab: AzureLab) -> None:
    other = one(deployment, KEY, "-images").inputs["vaultName"]
    one(deployment, KEY, "-unseal").inputs["vaultName"] = other


OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
TAGGED = ("azure-native:network:PrivateEndpoint", MACHINE, STORE)

MUTANTS: dict[str, dict[str, Mutation]] = {
    "every_store_is_encrypted_with_a_customer_key": {
        "store-with-microsofts-key": _set(STORE, "encryption.keySource", "Microsoft.Storage"),
        "registry-key-unused": _set(REGISTRY, "encryption.status", "disabled"),
        "database-with-microsofts-key": _set(POSTGRESQL, "dataEncryption.type", "SystemAssigned"),
        "copy-with-microsofts-key": _no_geo_key,
    },
    "logs_have_a_customer_key_or_a_reason": {
        "not-linked": _drop("azure-native:operationalinsights:LinkedService", ""),
        "queries-saved-elsewhere": _set(WORKSPACE, "forceCmkForQuery", False),
    },
    "keys_are_for_one_purpose_and_turn": {
        "signs-too": _set(KEY, "properties.keyOps", ["wrapKey", "unwrapKey", "sign"]),
        "never-turned": _set(KEY, "properties.rotationPolicy", None, "-disks"),
        "shares-a-vault": _shared_vault,
    },
    "nothing_has_a_public_address": {
        "card": _card,
        "front": _front,
        "first-pool": _first_pool("enableNodePublicIP", True),
        "pool": _set(POOL, "nodePublicIPPrefixID", "some"),
        "address": _ways_out("PublicIPAddress"),
        "nat": _ways_out("NatGateway"),
        "bastion": _ways_out("BastionHost"),
        "firewall": _ways_out("AzureFirewall"),
    },
    "only_the_institutions_network_is_joined": {
        "another-network": _set(
            "azure-native:network:VirtualNetworkPeering", "remoteVirtualNetwork.id", "/other"
        ),
        "others-come-through": _set(
            "azure-native:network:VirtualNetworkPeering", "allowGatewayTransit", True
        ),
        "another-knows-names": _set(
            "azure-native:privatedns:VirtualNetworkLink", "virtualNetwork.id", "/other"
        ),
    },
    "every_subnet_is_closed": {
        "no-rules": _set(SUBNET, "networkSecurityGroup", None),
        "no-routes": _set(SUBNET, "routeTable", None, "-nodes"),
        "route-out": _set(
            "azure-native:network:RouteTable",
            "routes",
            [{"name": "out", "addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}],
        ),
        "no-last-rule": _no_last_rule,
        "last-rule-allows": _rule("-vault", "nothing-else-inbound", access="Allow"),
        "last-rule-for-some": _rule("-vault", "nothing-else-inbound", destinationPortRange="22"),
        "in-from-anywhere": _rule("-vault", "clients-in", sourceAddressPrefix="*"),
        "out-to-the-internet": _rule("-nodes", "vault-out", destinationAddressPrefix="Internet"),
        "from-the-whole-network": _rule(
            "-endpoints", "nodes-in", sourceAddressPrefix="VirtualNetwork"
        ),
    },
    "the_way_in_is_from_engineers_only": {
        "ssh-from-nodes": _rule("-vault", "clients-in", destinationPortRanges=["8200", "22"]),
    },
    "pools_are_closed_and_for_what_they_are_made_for": {
        "no-gpu-taint": _set(POOL, "nodeTaints", [], "-h100"),
        "no-system-taint": _first_pool("nodeTaints", []),
        "no-label": _set(POOL, "nodeLabels", {}, "-cpu"),
        "first-pool-plain-disks": _first_pool("enableEncryptionAtHost", False),
        "first-pool-ssh": _first_pool("securityProfile.sshAccess", "LocalUser"),
        "first-pool-starts-anything": _first_pool("securityProfile.enableSecureBoot", False),
        "grows": _set(POOL, "maxCount", 100),
        "gone": _drop(POOL, "-cpu"),
    },
    "no_right_is_wider_than_one_resource": {
        "owner": _role(OWNER),
        "contributor": _role(CONTRIBUTOR),
        "subscription": _set(ROLE, "scope", "/subscriptions/s"),
        "resource-group": _set(ROLE, "scope", "/subscriptions/s/resourceGroups/g"),
        "tenant": _set(ROLE, "scope", "/"),
        "people": _set(ROLE, "principalType", "User"),
        "every-key": _set(ROLE, "scope", "azure-full-keys-id", "-disks-key"),
    },
    "everything_says_whose_it_is": {
        **{f"{type_}-untagged": _set(type_, "tags", {}) for type_ in TAGGED},
        "somebody-elses": _set(STORE, "tags.owner", "other@institution.example"),
    },
    "everything_is_in_the_union": {
        "store-elsewhere": _set(STORE, "location", "eastus"),
        "allowed-elsewhere": _set(
            POLICY,
            "parameters.listOfAllowedLocations.value",
            ["northeurope", "uksouth"],
            "-allowed-locations",
        ),
    },
    "evidence_cannot_be_changed": {
        "changed": _set(STORE, "immutableStorageWithVersioning.enabled", False, "-evidence"),
        "kept-for-a-week": _set(
            STORE,
            "immutableStorageWithVersioning.immutabilityPolicy"
            ".immutabilityPeriodSinceCreationInDays",
            7,
            "-evidence",
        ),
        "rule-off": _set(
            STORE,
            "immutableStorageWithVersioning.immutabilityPolicy.state",
            "Disabled",
            "-evidence",
        ),
        "no-rule": _set(STORE, "immutableStorageWithVersioning", None, "-evidence"),
    },
    "the_subscription_is_watched": {
        **{
            f"deaf-to-{category}": _set(
                "azure-native:monitor:SubscriptionDiagnosticSetting",
                "logs",
                [{"category": other, "enabled": other != category} for other in ACTIVITIES],
            )
            for category in ACTIVITIES
        },
        **{
            f"no-defender-{plan}": _set(
                "azure-native:security:Pricing", "pricingTier", "Free", f"-{plan.lower()}"
            )
            for plan in DEFENDER
        },
        "no-flows": _set(FLOWS, "targetResourceId", "another"),
    },
    "services_are_reached_privately": {
        "no-name": _drop("azure-native:network:PrivateDnsZoneGroup", "-registry"),
        "unlinked": _drop(
            "azure-native:privatedns:VirtualNetworkLink", "-own-privatelink.azurecr.io"
        ),
    },
    "transport_to_the_database_is_encrypted": {
        f"{parameter}-is-{new}": _set(
            "azure-native:dbforpostgresql:Configuration", "value", new, f"-{parameter}"
        )
        for parameter, new in (
            ("require_secure_transport", "off"),
            ("ssl_min_protocol_version", "TLSv1.1"),
            ("log_connections", "off"),
            ("log_disconnections", "off"),
            ("log_checkpoints", "off"),
        )
    },
    "azures_own_rules_are_in_force": {
        **{
            f"without-{name}": lambda deployment, _, id_=id_: remove(  # type: ignore[misc]
                deployment,
                *(
                    entry
                    for entry in deployment.of_type(POLICY)
                    if entry.inputs["policyDefinitionId"] == id_
                ),
            )
            for name, id_ in INITIATIVES.items()
        },
        "not-enforced": _set(POLICY, "enforcementMode", "DoNotEnforce"),
        "addresses-allowed": _set(
            POLICY,
            "parameters.listOfResourceTypesNotAllowed.value",
            ["Microsoft.Network/natGateways"],
            "-no-way-to-the-internet",
        ),
    },
    "the_owner_is_told_before_too_much_is_spent": {
        "nobody-told": _set(BUDGET, "notifications.actual.contactEmails", []),
        "told-too-late": _set(BUDGET, "notifications.actual.threshold", 200),
        "no-forecast": _set(BUDGET, "notifications.forecast.enabled", False),
        "another-limit": _set(BUDGET, "amount", 1_000_000),
        "all-labs": _set(BUDGET, "filter", None),
    },
    "vault_has_three_machines_in_three_zones": {
        "one-zone": _set(MACHINE, "zones", ["1"]),
        "two-machines": _drop(MACHINE, "-vault-3"),
    },
    "no_secret_is_in_any_input": {
        "key": _set(MACHINE, "userData", "-----BEGIN PRIVATE KEY-----"),
        "token": _set(MACHINE, "userData", "hvs.CAESIJ"),
        "password": _set(POSTGRESQL, "administratorLoginPassword", "something"),
    },
}
