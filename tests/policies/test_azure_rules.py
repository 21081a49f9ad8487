"""The rules of Azure: mutants that other tests made, values that are not known yet, and what no
stack of ours has.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, get_args

import pytest

from infra.config import AzureLab
from infra.config.grounds.azure import Location
from infra.regions import AZURE_REGIONS
from policies import preview
from policies.admission import Settings
from policies.properties import Properties
from policies.registry import all_rules
from policies.relations import Relations
from policies.values import UNKNOWN, Undecided
from tests.harness.azure_lab import deploy_azure, load
from tests.harness.deploy import Deployment
from tests.policies import captured, deployed
from tests.unit.clouds.azure.expected import AKS, MUST_BE, REGISTRY, STORE, SUBNET
from tests.unit.clouds.azure.mutants import MUTANTS, Mutation, assign, one

RULES = {key: rule for key, rule in all_rules().items() if key.startswith("azure-")}
#: What holds of our composition only, and is no rule for every lab: by the assertion of
#: tests/unit/clouds/azure, which mutants of it.
OURS: dict[str, set[str]] = {
    # Which vault holds which key, and which network is the institution's.
    "keys_are_for_one_purpose_and_turn": {"shares-a-vault"},
    "no_right_is_wider_than_one_resource": {"every-key"},
    "only_the_institutions_network_is_joined": {"another-network", "another-knows-names"},
    "the_way_in_is_from_engineers_only": {"ssh-from-nodes"},
    "services_are_reached_privately": {"unlinked"},
    # Which pools and machines there are.
    "pools_are_closed_and_for_what_they_are_made_for": {
        "no-system-taint",
        "no-label",
        "grows",
        "gone",
    },
    "vault_has_three_machines_in_three_zones": {"one-zone", "two-machines"},
    # Whose it is exactly, and how much it may cost.
    "everything_says_whose_it_is": {"somebody-elses"},
    "the_owner_is_told_before_too_much_is_spent": {"another-limit", "all-labs"},
    # Records that help to operate, and nothing else.
    "the_subscription_is_watched": {
        "deaf-to-Autoscale",
        "deaf-to-Recommendation",
        "deaf-to-ResourceHealth",
    },
    "transport_to_the_database_is_encrypted": {"log_checkpoints-is-off"},
    # Initiatives look and tell; what is refused besides is a choice (a hybrid lab has a gateway).
    "azures_own_rules_are_in_force": {
        "without-Microsoft cloud security benchmark",
        "without-CIS Azure Foundations Benchmark 3.0.0",
        "without-ISO/IEC 27001:2022",
        "without-EU AI Act (Regulation 2024/1689)",
        "addresses-allowed",
    },
}
#: The same by type: paths that are a choice, or of which another rule says more.
CHOSEN: dict[str, set[str]] = {
    AKS: {
        "apiServerAccessProfile.enableVnetIntegration",
        "bootstrapProfile.artifactSource",
        "networkProfile.networkDataplane",
        "networkProfile.networkPlugin",
        "networkProfile.networkPluginMode",
    },
    REGISTRY: {"policies.retentionPolicy.status", "sku.name"},
    STORE: {"sku.name"},
    SUBNET: {"privateEndpointNetworkPolicies"},
}


@pytest.fixture(scope="module")
def lab() -> AzureLab:
    return load("azure-full")


@pytest.fixture(scope="module")
def made(lab: AzureLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return deploy_azure(patch, lab)


@pytest.fixture
def deployment(made: Deployment) -> Deployment:
    return copy.deepcopy(made)


def test_what_the_mocks_declare_is_not_denied(deployment: Deployment) -> None:
    assert deployed.findings(deployment, "azure-") == []


@pytest.mark.parametrize(
    ("assertion", "name", "mutate"),
    [
        pytest.param(assertion, name, mutate, id=f"{assertion}-{name}")
        for assertion, mutations in MUTANTS.items()
        for name, mutate in mutations.items()
    ],
)
def test_a_mutant_of_the_clouds_own_tests_is_denied(
    deployment: Deployment, lab: AzureLab, assertion: str, name: str, mutate: Mutation
) -> None:
    mutate(deployment, lab)
    assert bool(deployed.denied(deployment, "azure-")) != (name in OURS.get(assertion, ()))


@pytest.mark.parametrize("type_", MUST_BE)
def test_a_value_that_does_not_protect_is_denied(made: Deployment, type_: str) -> None:
    for path, (wanted, *_) in MUST_BE[type_].items():
        for value in ((not wanted) if isinstance(wanted, bool) else "other", None):
            deployment = copy.deepcopy(made)
            assign(one(deployment, type_).inputs, path, value)
            passes = path in CHOSEN.get(type_, ())
            assert bool(deployed.denied(deployment, "azure-")) != passes, (path, value)


@pytest.mark.parametrize(
    ("rule", "key"), [("azure-owner-tags", "tags"), ("azure-regions-eu", "location")]
)
def test_everything_of_ours_that_has_it_is_asked_for_it(rule: str, key: str) -> None:
    check = RULES[rule].preview
    assert isinstance(check, Properties)
    ours = {
        one.type
        for name in captured.names()
        for one in captured.stack(name).resources
        if one.type.startswith("azure-native:") and one.properties.get(key, "global") != "global"
    }
    assert ours <= set(check.types)


def test_regions_that_a_lab_may_choose_are_in_the_union() -> None:
    assert set(get_args(Location)) <= set(AZURE_REGIONS)


def denials(rule: str, type_: str, properties: dict[str, Any]) -> list[str]:
    return list(preview.of_resource(RULES[rule], type_, properties, Settings()))


def properties_of(type_: str, example: str = "azure-full") -> dict[str, Any]:
    return copy.deepcopy(dict(captured.stack(example).of_type(type_)[0].properties))


def test_more_disks_of_a_machine() -> None:
    type_ = "azure-native:compute:VirtualMachine"
    machine = properties_of(type_)
    machine["storageProfile"]["dataDisks"] = [{"managedDisk": {"storageAccountType": "x"}}]
    assert denials("azure-disks-encrypted", type_, machine)
    own = {"diskEncryptionSet": {"id": "some"}}
    machine["storageProfile"]["dataDisks"] = [{"managedDisk": own}]
    assert denials("azure-disks-encrypted", type_, machine) == []


def test_a_gpu_pool_is_known_by_its_size() -> None:
    type_ = "azure-native:containerservice:AgentPool"
    pool = {"vmSize": "Standard_NC24ads_A100_v4", "nodeTaints": ["nvidia.com/gpu:NoSchedule"]}
    assert denials("azure-gpu-nodes-tainted", type_, pool) == []
    assert denials("azure-gpu-nodes-tainted", type_, pool | {"nodeTaints": []})
    assert denials("azure-gpu-nodes-tainted", type_, {"vmSize": "Standard_D4ads_v5"}) == []
    with pytest.raises(Undecided):
        denials("azure-gpu-nodes-tainted", type_, {"vmSize": UNKNOWN})


def test_nodes_without_a_gpu_start_what_is_signed() -> None:
    type_ = "azure-native:containerservice:AgentPool"
    pool = properties_of(type_)
    pool["securityProfile"]["enableSecureBoot"] = False
    assert denials("azure-machines-trusted", type_, pool)
    pool["gpuProfile"] = {"driver": "Install"}
    assert denials("azure-machines-trusted", type_, pool) == []


def test_a_card_that_hands_on_packets_may_be_the_gateway() -> None:
    type_ = "azure-native:network:NetworkInterface"
    card = {"ipConfigurations": [{"publicIPAddress": {"id": "some"}}], "enableIPForwarding": True}
    assert denials("azure-no-public-addresses", type_, card) == []
    assert denials("azure-no-public-addresses", type_, card | {"enableIPForwarding": False})
    with pytest.raises(Undecided):
        denials("azure-no-public-addresses", type_, card | {"enableIPForwarding": UNKNOWN})


def test_logs_without_the_labs_key_say_why() -> None:
    check = RULES["azure-logs-encrypted"].preview
    assert isinstance(check, Relations)
    stack = captured.stack("azure-full")
    workspaces = "azure-native:operationalinsights:Workspace"
    (workspace,) = stack.of_type(workspaces)
    assert list(check.faults(type(stack)([workspace])))
    tags = {**workspace.properties["tags"], "platform-key-because": "It costs too much."}
    told = {**workspace.properties, "tags": tags}
    assert list(check.faults(type(stack)([replace(workspace, properties=told)]))) == []
