"""The composition of the on-prem stack: given machines, the same layers, no machine made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.config import OnPremLab
from stacks import onprem
from tests.harness.deploy import Deployment, deploy
from tests.harness.local_lab import COMPUTED, HOME, KUBERNETES, artifacts
from tests.harness.onprem_lab import document

PLAYBOOK = "ailab:ansible:Playbook"


def deployed(patch: pytest.MonkeyPatch, *, preview: bool = False, **changes: Any) -> Deployment:
    patch.setenv("LAB_HOME", HOME)
    patch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    patch.setattr("infra.toolchain.artifacts", artifacts)
    lab = OnPremLab.model_validate(document(**changes))
    return deploy(lambda: onprem.compose(lab), computed=COMPUTED, preview=preview, stack="onprem")


def variables(deployment: Deployment, playbook: str) -> dict[str, Any]:
    found: dict[str, Any] = deployment.named(playbook, PLAYBOOK).inputs["variables"]
    return found


def host(deployment: Deployment, playbook: str, name: str) -> dict[str, Any]:
    hosts = deployment.named(playbook, PLAYBOOK).inputs["hosts"]
    return next(one for one in hosts if one["name"] == name)


def test_no_machine_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deployed(monkeypatch)
    assert not deployment.of_type("ailab:hosts:Machine")
    assert len(deployment.of_type("ailab:hosts:GivenMachine")) == 7


def test_everybody_comes_by_the_shared_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deployed(monkeypatch)
    assert deployment.exports["endpoints"] == {
        "kubernetes": "https://10.71.0.5:6443",
        "vault": "https://10.71.0.6:8200",
    }
    for playbook in deployment.of_type(PLAYBOOK):
        known = playbook.inputs["variables"]
        assert known["lab_control_plane_endpoint"] == "10.71.0.5:6443"
        assert known["lab_vault_address"] == "https://10.71.0.6:8200"
        assert known["lab_virtual_addresses"] == {
            "control_plane": {"address": "10.71.0.5", "router": 71},
            "vault": {"address": "10.71.0.6", "router": 72},
        }


def test_a_load_balancer_of_the_site_needs_no_keepalived(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = {"address": "192.0.2.5", "carrier": "load-balancer"}
    deployment = deployed(monkeypatch, kubernetes_endpoint=balancer)
    assert set(variables(deployment, "base")["lab_virtual_addresses"]) == {"vault"}


def test_every_control_plane_may_use_the_key_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role = deployed(monkeypatch).named("kms-role", "ailab:vault:Role").inputs["parameters"]
    assert role["allowed_common_names"] == [f"site-control-plane-{n}" for n in (1, 2, 3)]
    assert role["token_bound_cidrs"] == [f"10.71.0.{n}/32" for n in (11, 12, 13)]


def test_losing_one_of_several_machines_renews_neither_cluster_nor_vault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machines = document()["machines"]
    machines[0]["installation"] = machines[4]["installation"] = 2
    before, after = deployed(monkeypatch), deployed(monkeypatch, machines=machines)
    triggers = [
        {entry.name: entry.replacement_trigger for entry in one.resources}
        for one in (before, after)
    ]
    assert triggers[0] == triggers[1]
    assert host(after, "control_plane", "site-control-plane-1")["instance"] == "2"


def test_what_one_machine_has_goes_to_that_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = document()["machines"]
    machines[3] |= {
        "gpu": True,
        "data_disk": "/dev/disk/by-id/wwn-0x5",
        "ssh": {"user": "ops", "port": 2222, "private_key": "/keys/w", "known_hosts": "/keys/w.h"},
    }
    tang = [{"url": "http://10.71.0.9", "thumbprint": "x" * 43}]
    deployment = deployed(monkeypatch, machines=machines, tang=tang)
    worker = host(deployment, "base", "site-worker-1")["variables"]
    assert worker["nvidia_wanted"] is True
    assert worker["disk_encryption_device"] == "/dev/disk/by-id/wwn-0x5"
    assert (worker["ansible_user"], worker["ansible_port"]) == ("ops", 2222)
    assert worker["ansible_become"] is True
    assert "UserKnownHostsFile=/keys/w.h" in worker["ansible_ssh_common_args"]
    other = host(deployment, "base", "site-vault-1")["variables"]
    assert not {"nvidia_wanted", "disk_encryption_device", "ansible_user"} & other.keys()
    assert variables(deployment, "base")["disk_encryption_tang"] == tang


def test_copies_are_taken_where_the_site_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without = deployed(monkeypatch)
    assert "backup" not in {entry.name for entry in without.resources}
    deployment = deployed(monkeypatch, backup={"recipient": "/keys/backup.crt", "keep": 7})
    known = variables(deployment, "backup")
    assert (known["backup_recipient"], known["backup_keep"]) == ("/keys/backup.crt", 7)
    hosts = deployment.named("backup", PLAYBOOK).inputs["hosts"]
    assert len(hosts) == 6
    role = deployment.named("backup-role", "ailab:vault:Role").inputs["parameters"]
    assert role["allowed_common_names"] == [f"site-vault-{n}" for n in (1, 2, 3)]
    assert role["token_no_default_policy"] is True
    rules = deployment.named("backup-policy").inputs["rules"]
    paths = [line.split('"')[1] for line in rules.splitlines() if line.startswith("path")]
    assert paths == ["sys/storage/raft/snapshot", "auth/token/revoke-self"]


def test_only_vault_learns_where_its_seals_credential_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = document()["vault"] | {"seal_environment": "/keys/seal.env", "seal_ca": "/keys/s.crt"}
    deployment = deployed(monkeypatch, vault=vault)
    knowing = {
        entry.name
        for entry in deployment.of_type(PLAYBOOK)
        if any(key.startswith("lab_vault_seal") for key in entry.inputs["variables"])
    }
    assert knowing == {"vault"}
    assert variables(deployment, "vault")["lab_vault_seal_environment"] == "/keys/seal.env"


def test_a_first_preview_declares_the_same_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {entry.urn for entry in deployed(monkeypatch).resources}
    assert {entry.urn for entry in deployed(monkeypatch, preview=True).resources} == made


def test_no_private_key_and_no_token_is_in_any_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps([entry.inputs for entry in deployed(monkeypatch).resources])
    for sign in ("PRIVATE KEY", "secret_id", "hvs.", "VAULT_TOKEN"):
        assert sign not in text
