"""The examples have no fault; and each fault that is looked for is found when it is there."""

from __future__ import annotations

import pytest

from infra.config import AzureLab
from tests.harness.azure_lab import deploy_azure, load
from tests.harness.deploy import Deployment
from tests.unit.clouds.azure.expected import (
    AKS,
    DATA,
    DIAGNOSTICS,
    DISKS,
    ENDPOINT,
    LOCK,
    LOCKED,
    MACHINE,
    MUST_BE,
    NEEDED,
    PRIVATE,
    REPORTING,
    RULES,
    STORES,
    WORKSPACE,
    value,
)
from tests.unit.clouds.azure.faults import faults
from tests.unit.clouds.azure.mutants import MUTANTS, Mutation, assign, one, remove, swap


def test_an_example_has_no_fault(any_deployment: Deployment, any_lab: AzureLab) -> None:
    assert faults(any_deployment, any_lab) == {}


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        pytest.param(type_, path, id=f"{type_.rpartition(':')[2]}.{path}")
        for type_, wanted in MUST_BE.items()
        for path in wanted
    ],
)
def test_a_value_that_does_not_protect_is_found(
    deployment: Deployment, lab: AzureLab, type_: str, path: str
) -> None:
    """Flipped, and left to Azure's default."""
    changed = one(deployment, type_)
    wanted = MUST_BE[type_][path][0]
    assert value(changed.inputs, path) in MUST_BE[type_][path]
    for new in ((not wanted) if isinstance(wanted, bool) else "other", None):
        assign(changed.inputs, path, new)
        assert any(changed.name in told for told in faults(deployment, lab)["every_value_protects"])


@pytest.mark.parametrize("type_", NEEDED)
def test_a_protection_that_is_gone_is_found(
    deployment: Deployment, lab: AzureLab, type_: str
) -> None:
    remove(deployment, *deployment.of_type(type_))
    told = RULES["every_kind_of_protection_is_there"](deployment, lab)
    assert f"there is no {type_}" in list(told)


@pytest.mark.parametrize("key", [None, "https://others.vault.azure.net/keys/other"])
@pytest.mark.parametrize(
    ("type_", "path"), [(type_, path) for type_, paths in STORES.items() for path in paths]
)
def test_a_store_without_the_labs_key_is_found(
    deployment: Deployment, lab: AzureLab, type_: str, path: str, key: str | None
) -> None:
    changed = one(deployment, type_)
    assign(changed.inputs, path, key)
    told = faults(deployment, lab)["every_store_is_encrypted_with_a_customer_key"]
    assert any(changed.name in fault for fault in told)


@pytest.mark.parametrize("type_", DATA)
@pytest.mark.parametrize("gone", ["protect", "retain_on_delete"])
def test_data_that_a_program_may_delete_is_found(
    deployment: Deployment, lab: AzureLab, type_: str, gone: str
) -> None:
    changed = one(deployment, type_)
    swap(deployment, changed, **{gone: False})
    assert any(
        changed.name in told for told in faults(deployment, lab)["data_outlives_the_program"]
    )


@pytest.mark.parametrize("type_", LOCKED)
def test_a_missing_lock_is_found(deployment: Deployment, lab: AzureLab, type_: str) -> None:
    unlocked = f"{one(deployment, type_).name}-id"
    remove(
        deployment,
        *(entry for entry in deployment.of_type(LOCK) if entry.inputs["scope"] == unlocked),
    )
    assert faults(deployment, lab).keys() == {"data_outlives_the_program"}


@pytest.mark.parametrize("type_", REPORTING)
def test_a_service_that_reports_to_nobody_is_found(
    deployment: Deployment, lab: AzureLab, type_: str
) -> None:
    silent = one(deployment, type_)
    if silent.inputs.get("vaultName", "").startswith("geo"):
        silent = deployment.of_type(type_)[0]
    where = f"{silent.name}-id{REPORTING[type_]}"
    (setting,) = (
        entry for entry in deployment.of_type(DIAGNOSTICS) if entry.inputs["resourceUri"] == where
    )
    for path, new in (
        ("workspaceId", "another"),
        ("logs", [{"categoryGroup": "allLogs", "enabled": False}]),
    ):
        kept = setting.inputs[path]
        setting.inputs[path] = new
        assert any(silent.name in told for told in faults(deployment, lab)["every_service_reports"])
        setting.inputs[path] = kept
    remove(deployment, setting)
    assert faults(deployment, lab).keys() == {"every_service_reports"}


@pytest.mark.parametrize("type_", PRIVATE)
def test_a_service_that_is_not_reached_privately_is_found(
    deployment: Deployment, lab: AzureLab, type_: str
) -> None:
    target = deployment.of_type(type_)[0]
    (end,) = (
        entry
        for entry in deployment.of_type(ENDPOINT)
        if entry.inputs["privateLinkServiceConnections"][0]["privateLinkServiceId"]
        == f"{target.name}-id"
    )
    remove(deployment, end)
    assert faults(deployment, lab) == {
        "services_are_reached_privately": [
            f"{type_.rpartition(':')[2]} {target.name}: nothing of the lab reaches it"
        ]
    }


@pytest.mark.parametrize(
    ("rule", "mutate"),
    [
        pytest.param(rule, mutate, id=f"{rule}-{name}")
        for rule, mutants in MUTANTS.items()
        for name, mutate in mutants.items()
    ],
)
def test_a_mutant_is_found(
    deployment: Deployment, lab: AzureLab, rule: str, mutate: Mutation
) -> None:
    mutate(deployment, lab)
    assert rule in faults(deployment, lab)


def test_every_rule_has_a_mutant() -> None:
    here = {
        "every_value_protects",
        "every_kind_of_protection_is_there",
        "every_service_reports",
        "data_outlives_the_program",
    }
    assert RULES.keys() == MUTANTS.keys() | here


def test_logs_without_a_customer_key_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("azure-least")
    reason = "A hundred gigabytes a day are forty times what this lab writes."
    logs = lab.logs.model_copy(update={"platform_key_because": reason})
    deployment = deploy_azure(monkeypatch, lab.model_copy(update={"logs": logs}))
    workspace = one(deployment, WORKSPACE)
    assert workspace.inputs["tags"]["platform-key-because"] == reason
    assert not deployment.of_type("azure-native:operationalinsights:Cluster")
    told = faults(deployment, lab)
    assert told == {
        "every_kind_of_protection_is_there": [
            "there is no azure-native:operationalinsights:Cluster"
        ]
    }
    del workspace.inputs["tags"]["platform-key-because"]
    assert "logs_have_a_customer_key_or_a_reason" in faults(deployment, lab)


def test_disks_are_encrypted_before_anything_uses_them(deployment: Deployment) -> None:
    disks = one(deployment, DISKS)
    for user in (one(deployment, AKS), one(deployment, MACHINE)):
        assert disks.name in deployment.waits_for(user, DISKS)
