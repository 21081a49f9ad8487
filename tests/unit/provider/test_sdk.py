"""What programs write arrives at the engine as the plugin's types want it."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from infra.plugins.resource import ResourceType
from infra.provider import issuer_keys, playbook, sdk, tokens, vault
from tests.harness.deploy import Computed, Deployment, deploy

COMPUTED: Computed = {
    tokens.MACHINE: lambda _name, _inputs: {
        "instance": "i1",
        "sshKey": "/key",
        "knownHosts": "/known",
    },
    tokens.PLAYBOOK: lambda _name, _inputs: {
        "facts": {"some_key": "v"},
        "notApplied": {"a/b": "c"},
        "drift": ["x"],
    },
    tokens.PKI_AUTHORITY: lambda _name, _inputs: {"certificate": "PEM of the authority"},
    tokens.ISSUER_KEYS: lambda _name, _inputs: {"issuer": "https://i", "keys": ["PEM"]},
}

CONNECTION = sdk.VaultConnection("https://v", "/ca", "/approle")


def program() -> None:
    machine = sdk.Machine(
        "machine",
        lab="l",
        machine_name="worker",
        role="worker",
        address="10.71.0.11",
        network="10.71.0.0/24",
        home="/lab",
    )
    run = sdk.Playbook(
        "run",
        playbook="base",
        hosts=[sdk.Host("worker", machine.address, ["workers"], machine.instance, {"a_b": 1})],
        connection=sdk.SshConnection(machine.ssh_key, machine.known_hosts, "/logs"),
        variables={"lab_name": "l"},
        timeout_seconds=60,
    )
    engine = sdk.SecretsEngine(
        "kv", connection=CONNECTION, path="kv", engine="kv", options={"version": "2"}
    )
    sdk.AuthMethod(
        "jwt", connection=CONNECTION, path="jwt", method="jwt", config={"bound_issuer": "i"}
    )
    policy = sdk.Policy("policy", connection=CONNECTION, name="p", rules='path "a" {}')
    sdk.TransitKey("key", connection=CONNECTION, name="k", auto_rotate_period=86400)
    parameters = {"user_claim": "sub", "token_policies": [policy.vault_name]}
    sdk.Role("role", connection=CONNECTION, mount="jwt", name="r", parameters=parameters)
    authority = sdk.PkiAuthority(
        "authority", connection=CONNECTION, mount="pki", common_name="users", ttl=3600
    )
    sdk.PkiRole("pki", connection=CONNECTION, mount="pki", name="r", parameters={"max_ttl": "1h"})
    sdk.AuditDevice("audit", connection=CONNECTION, path="file", options={"file_path": "/a"})
    keys = sdk.IssuerKeys("keys", kubeconfig="/kubeconfig")
    outputs = {
        "issuer": keys.issuer,
        "keys": keys.keys,
        "certificate": authority.certificate,
        "facts": run.facts,
        "not_applied": run.not_applied,
        "drift": run.drift,
        "path": engine.path,
        "policy": policy.vault_name,
        "address": machine.address,
        "key": machine.ssh_key,
        "known": machine.known_hosts,
        "instance": machine.instance,
    }
    for name, output in outputs.items():
        pulumi.export(name, output)


@pytest.fixture(scope="module")
def deployed() -> Deployment:
    return deploy(program, computed=COMPUTED)


def inputs(deployed: Deployment, token: str) -> dict[str, Any]:
    (resource,) = deployed.of_type(token)
    return resource.inputs


TYPES: list[ResourceType] = [
    playbook.Playbook(),
    issuer_keys.IssuerKeys(),
    *(type_() for type_ in vault.TYPES),
]


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.token)
def test_the_plugin_accepts_what_the_sdk_sends(
    type_: ResourceType, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook, "digest", lambda _playbook: "digest")
    assert type_.check({}, inputs(deployed, type_.token)).failures == []


def test_a_first_preview_needs_no_value_too_early() -> None:
    assert len(deploy(program, computed=COMPUTED, preview=True).resources) == 11


def test_the_machines_inputs(deployed: Deployment) -> None:
    names = {"lab", "name", "role", "address", "network", "home"}
    assert inputs(deployed, tokens.MACHINE).keys() == names


def test_outputs_have_pythons_names_and_their_keys_stay(deployed: Deployment) -> None:
    assert deployed.exports == {
        "issuer": "https://i",
        "keys": ["PEM"],
        "certificate": "PEM of the authority",
        "facts": {"some_key": "v"},
        "not_applied": {"a/b": "c"},
        "drift": ["x"],
        "path": "kv",
        "policy": "p",
        "address": "10.71.0.11",
        "key": "/key",
        "known": "/known",
        "instance": "i1",
    }
