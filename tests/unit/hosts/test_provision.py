"""Which playbook runs where, after what, with what; and what goes with which machine."""

from __future__ import annotations

from typing import Any

import pytest

from infra.config import LocalLab
from tests.harness.deploy import Deployment
from tests.harness.local_lab import SIGNING_KEY, artifacts, deploy_local

PLAYBOOK = "ailab:ansible:Playbook"

ORDER: dict[str, set[str]] = {
    "preflight": set(),
    "base": {"preflight"},
    "container_runtime": {"base"},
    "vault": {"base"},
    "database": {"vault"},
    "kms_plugin": {"container_runtime", "vault"},
    "control_plane": {"kms_plugin"},
    "workers": {"control_plane"},
    "network": {"control_plane"},
}
HOSTS = {
    "preflight": {"local-control-plane", "local-worker", "local-vault"},
    "base": {"local-control-plane", "local-worker", "local-vault"},
    "container_runtime": {"local-control-plane", "local-worker"},
    "vault": {"local-vault"},
    "database": {"local-vault"},
    "kms_plugin": {"local-control-plane"},
    "control_plane": {"local-control-plane"},
    "workers": {"local-control-plane", "local-worker"},
    "network": {"local-control-plane", "local-worker"},
}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deploy_local(monkeypatch)


def playbooks(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {entry.name: entry.inputs for entry in deployment.of_type(PLAYBOOK)}


def test_each_playbook_waits_for_what_it_needs_and_for_no_more(deployment: Deployment) -> None:
    needed: dict[str, set[str]] = {}
    for name, direct in ORDER.items():
        needed[name] = direct.union(*(needed[other] for other in direct))
    for name, before in needed.items():
        playbook = deployment.named(name, PLAYBOOK)
        assert deployment.waits_for(playbook, PLAYBOOK) == before, name


def test_the_control_plane_waits_for_its_key_in_vault(deployment: Deployment) -> None:
    before = deployment.waits_for(deployment.named("kms_plugin"))
    assert {"kms-key", "kms-role", "kms-policy", "cert", "transit"} <= before


def test_nothing_uses_the_cluster_before_every_node_is_on_the_network(
    deployment: Deployment,
) -> None:
    for provider in deployment.of_type("pulumi:providers:kubernetes"):
        assert {"workers", "network"} <= deployment.waits_for(provider, PLAYBOOK)


def test_each_playbook_runs_on_the_hosts_that_it_needs(deployment: Deployment) -> None:
    for name, inputs in playbooks(deployment).items():
        assert {host["name"] for host in inputs["hosts"]} == HOSTS[name]
        for host in inputs["hosts"]:
            assert host["variables"]["lab_artifacts_on_machine"] is True
            assert host["variables"]["lab_address"] == host["address"]


def test_hosts_carry_their_groups_and_instances(deployment: Deployment) -> None:
    groups = {host["name"]: host["groups"] for host in playbooks(deployment)["base"]["hosts"]}
    assert groups == {
        "local-control-plane": ["control_plane", "kubernetes"],
        "local-worker": ["workers", "kubernetes"],
        "local-vault": ["vault", "database"],
    }
    instances = {host["instance"] for host in playbooks(deployment)["base"]["hosts"]}
    assert instances == {"control-plane-1", "worker-1", "vault-1"}


@pytest.mark.parametrize(
    ("built", "again"),
    [
        ("vault", {"vault"}),
        ("vault-kms-plugin", {"kms_plugin"}),
        ("runc", {"container_runtime"}),
        ("image-cilium", {"container_runtime", "network"}),
        ("cilium-chart", {"network"}),
    ],
)
def test_a_new_build_changes_the_playbooks_that_install_it_only(
    monkeypatch: pytest.MonkeyPatch, built: str, again: set[str]
) -> None:
    before = playbooks(deploy_local(monkeypatch))
    after = playbooks(deploy_local(monkeypatch, built=artifacts(**{built: "1" * 64})))
    assert {name for name in before if before[name] != after[name]} == again


def test_everything_goes_with_a_machine_so_that_destroying_asks_nothing(
    deployment: Deployment,
) -> None:
    for entry in deployment.resources:
        if not entry.custom or entry.type == "ailab:hosts:Machine":
            continue
        carrier = entry
        while carrier.type != "ailab:hosts:Machine":
            assert carrier.deleted_with, f"{entry.name} would be deleted by itself"
            carrier = deployment.by_urn(carrier.deleted_with)


def test_only_vault_learns_of_its_seal(deployment: Deployment) -> None:
    knowing = {
        name
        for name, inputs in playbooks(deployment).items()
        if any(key.startswith("lab_vault_seal") for key in inputs["variables"])
    }
    assert knowing == {"vault"}


def test_vault_trusts_the_clusters_keys_and_the_control_planes_certificate(
    deployment: Deployment,
) -> None:
    jwt = deployment.named("jwt", "ailab:vault:AuthMethod").inputs
    assert jwt["config"] == {
        "jwt_validation_pubkeys": [SIGNING_KEY],
        "bound_issuer": "https://kubernetes.default.svc.cluster.local",
    }
    role = deployment.named("kms-role", "ailab:vault:Role").inputs["parameters"]
    assert role["allowed_common_names"] == ["local-control-plane"]
    assert role["token_bound_cidrs"] == ["10.71.0.10/32"]
    assert role["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert role["token_policies"] == ["kms-plugin"]
    assert role["token_no_default_policy"] is True


def test_the_kms_plugin_may_use_its_key_and_do_nothing_else(deployment: Deployment) -> None:
    rules = deployment.named("kms-policy").inputs["rules"]
    paths = [line.split('"')[1] for line in rules.splitlines() if line.startswith("path")]
    assert paths == [
        "transit/encrypt/kubernetes",
        "transit/decrypt/kubernetes",
        "transit/keys/kubernetes",
        "auth/token/lookup-self",
        "auth/token/renew-self",
    ]
    assert "create" not in rules
    assert "*" not in rules


def test_the_audit_device_is_declared_as_the_bootstrap_makes_it(deployment: Deployment) -> None:
    audit = deployment.named("audit")
    assert audit.inputs["path"] == "file"
    assert audit.inputs["options"] == {"file_path": "/var/log/vault/audit.log", "mode": "0600"}
    # The lab's role in Vault may not delete it, so nothing may try to.
    assert audit.retain_on_delete
    assert not audit.replacement_trigger


def test_credentials_are_named_by_path_and_never_by_content(deployment: Deployment) -> None:
    for entry in deployment.resources:
        if entry.type.startswith("ailab:vault:"):
            assert entry.inputs["connection"] == {
                "address": "https://10.71.0.12:8200",
                "caCertificate": "/lab-home/local/pki/ca.crt",
                "credentials": "/lab-home/local/vault/approle.json",
            }


def test_a_registry_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "name": "local",
        "ground": "local",
        "machines": [
            {"name": "control-plane", "role": "control-plane", "address": "10.71.0.10"},
            {"name": "worker", "role": "worker", "address": "10.71.0.11"},
            {"name": "vault", "role": "vault", "address": "10.71.0.12"},
        ],
        "registry": {"address": "registry.lab:5000"},
    }
    deployment = deploy_local(monkeypatch, LocalLab.model_validate(document))
    for inputs in playbooks(deployment).values():
        assert inputs["variables"]["lab_registry"] == "registry.lab:5000"
    assert deployment.exports["sandboxes"] == {}
