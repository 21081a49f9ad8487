"""Vault on machines of its own, as the clouds use it: no cluster, no KMS key, a late address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pulumi
import pytest

from infra.config import VaultSpec
from infra.contracts import Machine
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.hosts.vault import VaultHosts
from infra.provider import sdk
from tests.harness.deploy import Deployment, deploy
from tests.harness.local_lab import AUTHORITY, KUBERNETES, artifacts

NAMES = ("vault-1", "vault-2", "vault-3")
COMPUTED = {"ailab:ansible:Playbook": lambda _name, _inputs: {"facts": {"ca": AUTHORITY}}}


def program() -> None:
    machines = [
        Machine(
            name=name,
            role="vault",
            address=pulumi.Output.from_input(f"10.0.0.{number}"),
            instance=f"{name}-a",
            resource=pulumi.ComponentResource("test:machine", name),
        )
        for number, name in enumerate(NAMES, 10)
    ]
    made = VaultHosts(
        "lab",
        HostsArgs(
            lab="lab",
            machines=machines,
            connection=sdk.SshConnection(
                "/keys/vault", "/keys/known_hosts", "/logs", "admin", 2222
            ),
            delivery=Delivery(artifacts(), KUBERNETES, Path("/var/cache/ai-lab"), on_machine=False),
            ranges=Ranges(
                machines=IPv4Network("10.0.0.0/16"),
                pods=IPv4Network("10.1.0.0/16"),
                services=IPv4Network("10.2.0.0/16"),
                cluster_dns=IPv4Address("10.2.0.10"),
                controller="10.9.0.1",
            ),
            vault=pulumi.Output.from_input("10.0.0.10"),
            variables={"base_pod_ports": [8200]},
            host_variables={"vault-2": {"ansible_port": 22}},
        ),
        VaultSpec(seal="awskms", seal_settings={"kms_key_id": "key"}),
    )
    pulumi.export("address", made.secret_store.address)
    pulumi.export("instance", made.secret_store.instance)


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    return deploy(program, computed=COMPUTED)


def test_vault_alone_runs_its_own_playbooks_only(deployment: Deployment) -> None:
    playbooks = deployment.of_type("ailab:ansible:Playbook")
    assert {entry.name for entry in playbooks} == {"preflight", "base", "vault"}
    for entry in playbooks:
        assert [host["name"] for host in entry.inputs["hosts"]] == [f"lab-{name}" for name in NAMES]
        assert entry.inputs["connection"]["user"] == "admin"
        assert entry.inputs["connection"]["port"] == 2222


def test_an_address_that_is_known_late_is_passed_on(deployment: Deployment) -> None:
    assert deployment.exports["address"] == "https://10.0.0.10:8200"
    base = deployment.named("base").inputs
    assert base["variables"]["lab_vault_address"] == "https://10.0.0.10:8200"


def test_variables_reach_all_machines_or_one(deployment: Deployment) -> None:
    base = deployment.named("base").inputs
    assert base["variables"]["base_pod_ports"] == [8200]
    ports = [host["variables"].get("ansible_port") for host in base["hosts"]]
    assert ports == [None, 22, None]


def test_no_key_is_made_for_a_cluster_that_needs_none(deployment: Deployment) -> None:
    names = {entry.name for entry in deployment.resources}
    assert {"transit", "kv", "audit"} <= names
    assert not {"kms-key", "kms-policy", "kms-role", "cert"} & names


def test_one_of_several_machines_made_anew_leaves_the_vault_what_it_is(
    deployment: Deployment,
) -> None:
    assert deployment.exports["instance"] == "lab"
