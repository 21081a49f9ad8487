"""A lab with a database: what is run where, after what, with what, and who may log in."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra.config import LocalLab, OnPremLab
from infra.hosts.database import CONTENT
from infra.hosts.playbook_digest import digest
from infra.hosts.playbooks import ROOT
from infra.paths import REPOSITORY
from tests.harness import onprem_lab
from tests.harness.deploy import Deployment
from tests.harness.local_lab import AUTHORITY, deploy_local

PLAYBOOK = "ailab:ansible:Playbook"
VAULT = "10.71.0.12"


def lab(**changes: Any) -> LocalLab:
    document = {
        "name": "local",
        "ground": "local",
        "machines": [
            {"name": "control-plane", "role": "control-plane", "address": "10.71.0.10"},
            {"name": "worker", "role": "worker", "address": "10.71.0.11"},
            {"name": "vault", "role": "vault", "address": VAULT},
        ],
        "database": {"machine": "vault"},
    }
    return LocalLab.model_validate(document | changes)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deploy_local(monkeypatch, lab())


def test_its_playbook_waits_for_its_users_authority_and_nothing_waits_for_it(
    deployment: Deployment,
) -> None:
    playbook = deployment.named("database", PLAYBOOK)
    assert deployment.waits_for(playbook, PLAYBOOK) == {"preflight", "base", "vault"}
    assert "pki-database" in deployment.waits_for(playbook)
    for other in deployment.of_type(PLAYBOOK):
        assert "database" not in deployment.waits_for(other, PLAYBOOK)


def test_it_runs_on_its_machine_alone_and_lets_in_the_nodes_alone(deployment: Deployment) -> None:
    inputs = deployment.named("database", PLAYBOOK).inputs
    assert [(host["name"], host["groups"]) for host in inputs["hosts"]] == [
        ("local-vault", ["vault", "database"])
    ]
    assert inputs["variables"]["postgresql_clients"] == ["10.71.0.10", "10.71.0.11"]
    assert inputs["variables"]["postgresql_authority"] == AUTHORITY
    assert inputs["variables"]["postgresql_databases"] == [
        {
            "name": "evidence",
            "schema": "evidence.sql",
            "groups": ["evidence_writer", "evidence_reader"],
            "users": [{"name": "sandbox-operator", "groups": ["evidence_writer"]}],
        }
    ]


def test_every_playbook_knows_which_machine_it_is(deployment: Deployment) -> None:
    """The firewall is the role base's, copies are the role backup's."""
    for playbook in deployment.of_type(PLAYBOOK):
        for host in playbook.inputs["hosts"]:
            assert ("database" in host["groups"]) == (host["name"] == "local-vault")


def test_without_one_there_is_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without = deploy_local(monkeypatch, lab(database=None))
    assert not [one for one in without.resources if "database" in one.name]
    assert "database" not in without.exports["endpoints"]


def test_each_user_is_one_service_account_with_one_name(deployment: Deployment) -> None:
    for user in (user for content in CONTENT for user in content.users):
        role = f"database-{user.name}"
        pki = deployment.named(role, "ailab:vault:PkiRole").inputs
        assert (pki["mount"], pki["name"]) == ("pki-database", user.name)
        assert pki["parameters"]["allowed_domains"] == [user.name]
        assert pki["parameters"]["max_ttl"] == 24 * 60 * 60
        login = deployment.named(role, "ailab:vault:Role").inputs["parameters"]
        assert login["bound_subject"] == (
            f"system:serviceaccount:{user.namespace}:{user.service_account}"
        )
        assert login["token_policies"] == [role]
        assert login["token_no_default_policy"] is True
        rules = deployment.named(role, "ailab:vault:Policy").inputs["rules"]
        paths = [line.split('"')[1] for line in rules.splitlines() if line.startswith("path")]
        assert paths == [f"pki-database/sign/{user.name}", "auth/token/revoke-self"]


def test_logins_wait_for_the_cluster_and_the_database(deployment: Deployment) -> None:
    role = deployment.named("database-sandbox-operator", "ailab:vault:Role")
    assert {"jwt", "pki-database", "database"} <= deployment.waits_for(role)


def test_everything_of_it_goes_with_a_machine(deployment: Deployment) -> None:
    for entry in deployment.resources:
        if entry.custom and "database" in entry.name:
            assert entry.deleted_with, entry.name


def test_people_are_told_where_it_is(deployment: Deployment) -> None:
    assert deployment.exports["endpoints"]["database"] == f"postgresql://{VAULT}:5432"


def test_a_preview_needs_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    previewed = deploy_local(monkeypatch, lab(), preview=True)
    assert previewed.named("database", PLAYBOOK)


def test_the_schema_is_part_of_what_the_playbook_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies with the program that uses it; a change of it runs the playbook again."""
    schema = ROOT / "roles" / "postgresql" / "files" / "evidence.sql"
    assert schema.resolve() == REPOSITORY / "infra" / "evidence" / "postgresql.sql"
    before = digest("database")
    read = type(schema).read_bytes
    monkeypatch.setattr(
        type(schema),
        "read_bytes",
        lambda path: read(path) + (b"-- changed" if path == schema else b""),
    )
    assert digest("database") != before


def test_copies_are_taken_of_it_too() -> None:
    found = OnPremLab.model_validate(
        onprem_lab.document(
            database={"machine": "vault-2"}, backup={"recipient": "/keys/backup.crt"}
        )
    )
    assert found.database_machine is not None
    assert found.database_machine.name == "vault-2"
    play = yaml.safe_load((ROOT / "playbooks" / "backup.yml").read_text())[0]
    assert "database" in play["hosts"].split(":")
