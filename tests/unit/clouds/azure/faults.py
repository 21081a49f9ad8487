"""What must hold of every lab on Azure: functions from an inventory to the faults in it.

Each has at least one mutant in mutants.py: an inventory with one property flipped.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from infra.clouds.azure.access import Role
from infra.clouds.azure.governance import INITIATIVES, WAYS_OUT
from infra.clouds.azure.watch import ACTIVITIES, DEFENDER
from infra.config import AzureLab
from infra.config.grounds.azure import Location
from tests.harness.deploy import Deployment
from tests.unit.clouds.azure import network_faults  # noqa: F401 - its rules count as well
from tests.unit.clouds.azure.expected import (
    BUDGET,
    DATA,
    DIAGNOSTICS,
    DISKS,
    FLOWS,
    KEY,
    KEY_VAULT,
    LOCK,
    LOCKED,
    LOG_CLUSTER,
    MACHINE,
    MUST_BE,
    NEEDED,
    NETWORK,
    POLICY,
    POOL,
    POSTGRESQL,
    REGISTRY,
    REPORTING,
    ROLE,
    RULES,
    STORE,
    STORES,
    TAGS,
    UNTAGGED,
    WIDE,
    WORKSPACE,
    Faults,
    azure,
    id_of,
    label,
    pools,
    rule,
    value,
)


@rule
def every_value_protects(deployment: Deployment, _: AzureLab) -> Faults:
    for type_, wanted in MUST_BE.items():
        for one in deployment.of_type(type_):
            for path, allowed in wanted.items():
                if (found := value(one.inputs, path)) not in allowed:
                    yield f"{label(one)}: {path} is {found!r}"


@rule
def every_kind_of_protection_is_there(deployment: Deployment, _: AzureLab) -> Faults:
    there = {one.type for one in deployment.resources}
    yield from (f"there is no {type_}" for type_ in NEEDED if type_ not in there)


@rule
def every_store_is_encrypted_with_a_customer_key(deployment: Deployment, _: AzureLab) -> Faults:
    ours = {one["properties"]["vaultUri"] for one in _vaults(deployment)}
    ours |= {f"{id_of(one)}" for one in deployment.of_type(DISKS)}
    for type_, paths in STORES.items():
        for one in deployment.of_type(type_):
            for path in paths:
                found = value(one.inputs, path) or ""
                if not any(found.startswith(start) for start in ours):
                    yield f"{label(one)}: {path} is {found!r}, which is no key of the lab"
    for one in deployment.of_type(STORE):
        if value(one.inputs, "encryption.keySource") != "Microsoft.Keyvault":
            yield f"{label(one)}: Microsoft's key encrypts it"
    for one in deployment.of_type(REGISTRY):
        if value(one.inputs, "encryption.status") != "enabled":
            yield f"{label(one)}: its key is not used"
    for one in deployment.of_type(POSTGRESQL):
        if value(one.inputs, "dataEncryption.type") != "AzureKeyVault":
            yield f"{label(one)}: Microsoft's key encrypts it"
        if value(one.inputs, "backup.geoRedundantBackup") == "Enabled" and not any(
            str(value(one.inputs, "dataEncryption.geoBackupKeyURI")).startswith(start)
            for start in ours
        ):
            yield f"{label(one)}: Microsoft's key encrypts its copy in the other region"


def _vaults(deployment: Deployment) -> list[dict[str, Any]]:
    return [
        {"properties": {"vaultUri": f"https://{one.inputs['vaultName']}.vault.azure.net/"}}
        for one in deployment.of_type(KEY_VAULT)
    ]


@rule
def logs_have_a_customer_key_or_a_reason(deployment: Deployment, _: AzureLab) -> Faults:
    linked = {
        one.inputs["workspaceName"]
        for one in deployment.of_type("azure-native:operationalinsights:LinkedService")
        if one.inputs.get("linkedServiceName") == "Cluster"
        and one.inputs.get("writeAccessResourceId")
        in {id_of(cluster) for cluster in deployment.of_type(LOG_CLUSTER)}
    }
    for one in deployment.of_type(WORKSPACE):
        if one.inputs["tags"].get("platform-key-because"):
            continue
        if one.inputs["workspaceName"] not in linked or not one.inputs.get("forceCmkForQuery"):
            yield f"{label(one)}: Microsoft's key encrypts it, and nobody says why"


@rule
def keys_are_for_one_purpose_and_turn(deployment: Deployment, _: AzureLab) -> Faults:
    for one in deployment.of_type(KEY):
        properties = one.inputs["properties"]
        operations = set(properties["keyOps"])
        if operations not in ({"wrapKey", "unwrapKey"}, {"encrypt", "decrypt"}):
            yield f"{label(one)}: it does {sorted(operations)}"
        actions = {
            entry["action"]["type"]
            for entry in (value(properties, "rotationPolicy.lifetimeActions") or [])
        }
        turned_by_hand = one.inputs["keyName"] == "etcd"
        if not turned_by_hand and "rotate" not in actions:
            yield f"{label(one)}: nobody turns it"
    in_vaults: dict[str, list[str]] = {}
    for one in deployment.of_type(KEY):
        in_vaults.setdefault(one.inputs["vaultName"], []).append(one.inputs["keyName"])
    for names in in_vaults.values():
        if len(names) > 1 and {"etcd", "images", "unseal"} & set(names):
            yield f"the keys {', '.join(sorted(names))} share a vault"


@rule
def pools_are_closed_and_for_what_they_are_made_for(
    deployment: Deployment, lab: AzureLab
) -> Faults:
    taints = {
        "system": "CriticalAddonsOnly=true:NoSchedule",
        "gpu": "nvidia.com/gpu=present:NoSchedule",
    }
    kinds = {pool.name: pool.kind for pool in lab.cluster.pools}
    found = {name.rpartition("-")[2]: pool for name, pool in pools(deployment)}
    for name, kind in kinds.items():
        pool = found.get(name)
        if pool is None:
            yield f"pool {name} is not there"
            continue
        wanted = [taints[kind]] if kind in taints else []
        if pool["nodeTaints"] != wanted:
            yield f"pool {name} is for anybody"
        if pool["nodeLabels"].get("ai-lab.eu/pool") != kind:
            yield f"pool {name} cannot be found"
        for path, allowed in MUST_BE[POOL].items():
            if value(pool, path) not in allowed:
                yield f"pool {name}: {path} is {value(pool, path)!r}"
        if value(pool, "securityProfile.enableSecureBoot") is not (kind != "gpu"):
            yield f"pool {name} starts whatever is on its disk"
        spec = next(one for one in lab.cluster.pools if one.name == name)
        if (pool["minCount"], pool["maxCount"]) != (spec.min_nodes, spec.max_nodes):
            yield f"pool {name} grows past its bounds"


@rule
def no_right_is_wider_than_one_resource(deployment: Deployment, _: AzureLab) -> Faults:
    for one in deployment.of_type(ROLE):
        role = one.inputs["roleDefinitionId"].rpartition("/")[2]
        if role not in set(Role):
            yield f"{label(one)}: the role {role} is none that a lab grants"
        if WIDE.match(one.inputs["scope"]):
            yield f"{label(one)}: it holds for everything in {one.inputs['scope'] or '/'}"
        if one.inputs["principalType"] != "ServicePrincipal":
            yield f"{label(one)}: it is for people"
    keys = {id_of(one) for one in deployment.of_type(KEY)}
    for one in deployment.of_type(ROLE):
        role = one.inputs["roleDefinitionId"].rpartition("/")[2]
        crypto = (Role.KEY_VAULT_CRYPTO_USER, Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER)
        if role in crypto and one.inputs["scope"] not in keys:
            yield f"{label(one)}: it is for more than one key"


@rule
def everything_says_whose_it_is(deployment: Deployment, lab: AzureLab) -> Faults:
    for one in azure(deployment):
        _, module, kind = one.type.split(":")
        if {module, kind} & UNTAGGED:
            continue
        tags = one.inputs.get("tags") or {}
        if missing := sorted(TAGS - tags.keys()):
            yield f"{label(one)}: it lacks {', '.join(missing)}"
        elif (tags["owner"], tags["cost-center"]) != (lab.owner, lab.cost_center):
            yield f"{label(one)}: it is somebody else's"


@rule
def everything_is_in_the_union(deployment: Deployment, lab: AzureLab) -> Faults:
    for one in azure(deployment):
        location = one.inputs.get("location")
        if location is not None and location not in (*get_args(Location), "global"):
            yield f"{label(one)}: it is in {location}"
    (policy,) = [
        one
        for one in deployment.of_type(POLICY)
        if "Allowed locations" in one.inputs["displayName"]
    ]
    for location in policy.inputs["parameters"]["listOfAllowedLocations"]["value"]:
        if location not in get_args(Location):
            yield f"{label(policy)}: it allows {location}"


@rule
def evidence_cannot_be_changed(deployment: Deployment, lab: AzureLab) -> Faults:
    for one in deployment.of_type(STORE):
        if not one.name.endswith("-evidence"):
            continue
        policy = value(one.inputs, "immutableStorageWithVersioning.immutabilityPolicy") or {}
        days = policy.get("immutabilityPeriodSinceCreationInDays", 0)
        if value(one.inputs, "immutableStorageWithVersioning.enabled") is not True:
            yield f"{label(one)}: anybody may change it"
        if days < lab.storage.evidence_retention or days < 365:
            yield f"{label(one)}: it is kept for {days} days"
        if policy.get("state") not in (["Locked"] if lab.storage.evidence_locked else ["Unlocked"]):
            yield f"{label(one)}: its rule is {policy.get('state')}"


@rule
def every_service_reports(deployment: Deployment, _: AzureLab) -> Faults:
    workspaces = {id_of(one) for one in deployment.of_type(WORKSPACE)}
    reporting = {
        one.inputs["resourceUri"]
        for one in deployment.of_type(DIAGNOSTICS)
        if one.inputs.get("workspaceId") in workspaces
        and {"categoryGroup": "allLogs", "enabled": True} in one.inputs["logs"]
    }
    for type_, part in REPORTING.items():
        for one in deployment.of_type(type_):
            # A vault in the paired region is used by Azure's own services alone.
            if id_of(one) + part not in reporting and one.inputs.get("vaultName", "")[:3] != "geo":
                yield f"{label(one)}: nobody hears what it did"


@rule
def the_subscription_is_watched(deployment: Deployment, _: AzureLab) -> Faults:
    heard = {
        entry["category"]
        for one in deployment.of_type("azure-native:monitor:SubscriptionDiagnosticSetting")
        for entry in one.inputs["logs"]
        if entry["enabled"]
    }
    yield from (f"{one} of the subscription is not heard" for one in ACTIVITIES if one not in heard)
    bought = {
        one.inputs["pricingName"]
        for one in deployment.of_type("azure-native:security:Pricing")
        if one.inputs["pricingTier"] == "Standard"
    }
    yield from (f"Defender does not look at {one}" for one in DEFENDER if one not in bought)
    networks = {id_of(one) for one in deployment.of_type(NETWORK)}
    flows = {one.inputs["targetResourceId"] for one in deployment.of_type(FLOWS)}
    yield from (f"flows of {one} are not kept" for one in networks - flows)


@rule
def data_outlives_the_program(deployment: Deployment, _: AzureLab) -> Faults:
    for type_ in DATA:
        for one in deployment.of_type(type_):
            if not (one.protect and one.retain_on_delete):
                yield f"{label(one)}: a program may delete it"
    locked = {one.inputs["scope"] for one in deployment.of_type(LOCK)}
    for type_ in LOCKED:
        for one in deployment.of_type(type_):
            if id_of(one) not in locked:
                yield f"{label(one)}: anybody with the right may delete it"


@rule
def transport_to_the_database_is_encrypted(deployment: Deployment, _: AzureLab) -> Faults:
    set_to = {
        one.inputs["configurationName"]: one.inputs["value"]
        for one in deployment.of_type("azure-native:dbforpostgresql:Configuration")
    }
    if set_to.get("require_secure_transport") != "on":
        yield "the database talks in clear text"
    if set_to.get("ssl_min_protocol_version") not in ("TLSv1.2", "TLSv1.3"):
        yield "the database takes old TLS"
    for parameter in ("log_connections", "log_disconnections", "log_checkpoints"):
        if set_to.get(parameter) != "on":
            yield f"the database says nothing of {parameter}"


@rule
def azures_own_rules_are_in_force(deployment: Deployment, lab: AzureLab) -> Faults:
    assigned = {
        one.inputs["policyDefinitionId"]: one
        for one in deployment.of_type(POLICY)
        if one.inputs.get("enforcementMode") == "Default"
        and one.inputs["scope"].endswith(f"/resourceGroups/{lab.name}")
    }
    yield from (
        f"{name} is not assigned" for name, id_ in INITIATIVES.items() if id_ not in assigned
    )
    forbidden = {
        kind
        for one in assigned.values()
        for kind in value(one.inputs, "parameters.listOfResourceTypesNotAllowed.value") or []
    }
    yield from (f"{kind} may be made" for kind in WAYS_OUT if kind not in forbidden)


@rule
def the_owner_is_told_before_too_much_is_spent(deployment: Deployment, lab: AzureLab) -> Faults:
    for budget in deployment.of_type(BUDGET):
        told = {
            (one["thresholdType"], one["threshold"])
            for one in budget.inputs["notifications"].values()
            if one["enabled"] and one["contactEmails"] == [lab.owner]
        }
        if not {("Actual", 80), ("Forecasted", 100)} <= told:
            yield f"the owner is told {sorted(told)}"
        if budget.inputs["amount"] != lab.monthly_budget:
            yield "the limit is another one"
        if value(budget.inputs, "filter.tags.values") != [lab.name]:
            yield "other labs count as well"


@rule
def vault_has_three_machines_in_three_zones(deployment: Deployment, _: AzureLab) -> Faults:
    zones = sorted(zone for one in deployment.of_type(MACHINE) for zone in one.inputs["zones"])
    if zones != ["1", "2", "3"]:
        yield f"Vault's machines are in zones {zones}"


@rule
def no_secret_is_in_any_input(deployment: Deployment, _: AzureLab) -> Faults:
    for one in deployment.resources:
        text = json.dumps(one.inputs)
        for sign in (
            "PRIVATE KEY",
            "secret_id",
            "hvs.",
            "client-key-data",
            "AccountKey=",
            "Password",
        ):
            if sign in text and not (sign == "Password" and "disablePassword" in text):
                yield f"{label(one)} holds {sign}"


def faults(deployment: Deployment, lab: AzureLab) -> dict[str, list[str]]:
    """Every fault by the rule that found it."""
    found = {name: list(check(deployment, lab)) for name, check in RULES.items()}
    return {name: told for name, told in found.items() if told}
