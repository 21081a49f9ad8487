"""The composition of the local stack, whole, and the program that picks it."""

from __future__ import annotations

import json
import runpy
from ipaddress import IPv4Network

import pytest
from pulumi.output import Unknown

from infra import config, paths
from infra.config import EgressRule, LocalLab
from infra.errors import ConfigError
from tests.harness.deploy import deploy
from tests.harness.local_lab import COMPUTED, HOME, KUBERNETES, artifacts, deploy_local


def run_program() -> None:
    runpy.run_path(str(paths.REPOSITORY / "stacks" / "__main__.py"))


def test_exports_say_what_users_need_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    exports = deploy_local(monkeypatch).exports
    assert exports["endpoints"] == {
        "database": "postgresql://10.71.0.12:5432",
        "kubernetes": "https://10.71.0.10:6443",
        "vault": "https://10.71.0.12:8200",
    }
    assert exports["kubeconfig"] == f"{HOME}/local/kubeconfig"
    assert exports["ssh_key"] == f"{HOME}/local/ssh/id_ed25519"
    assert [machine["hostname"] for machine in exports["machines"]] == [
        "local-control-plane",
        "local-worker",
        "local-vault",
    ]
    assert exports["sandboxes"] == {
        "demo": {
            "namespace": "sandbox-demo",
            "transit_key": "transit/sandbox-demo",
            "kv_path": "kv/sandboxes/demo",
        }
    }


@pytest.mark.parametrize(
    ("level", "actions"),
    [("advisory", ["Warn", "Audit"]), ("mandatory", ["Deny", "Audit"]), ("disabled", None)],
)
def test_policies_of_the_cluster_are_as_strict_as_the_lab_says(
    level: str, actions: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"rule": "no-host-access", "level": level, "because": "Said so for this test."}
    lab = LocalLab.model_validate(config.load_local("local").model_dump() | {"policies": [entry]})
    kind = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding"
    found = [
        one.inputs["spec"]["validationActions"]
        for one in deploy_local(monkeypatch, lab).of_type(kind)
        if one.inputs["metadata"]["name"] == "ai-lab-no-host-access"
    ]
    assert found == ([] if actions is None else [actions])


def test_who_loses_the_machine_before_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data under a lost Vault's key is unreadable; a worker belongs to one control plane."""
    machines = {
        entry.name: entry for entry in deploy_local(monkeypatch).of_type("ailab:hosts:Machine")
    }
    assert {name: entry.replacement_trigger for name, entry in machines.items()} == {
        "vault": "",
        "control-plane": "vault-1",
        "worker": "control-plane-1",
    }
    assert all(entry.delete_before_replace for entry in machines.values())


def test_a_first_preview_declares_the_same_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {entry.urn for entry in deploy_local(monkeypatch).resources}
    preview = deploy_local(monkeypatch, preview=True)
    assert {entry.urn for entry in preview.resources} == made
    assert isinstance(preview.exports["kubeconfig"], Unknown)


def test_no_private_key_and_no_token_is_in_any_input(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deploy_local(monkeypatch)
    text = json.dumps([entry.inputs for entry in deployment.resources])
    for sign in ("PRIVATE KEY", "secret_id", "hvs.", "client-key-data"):
        assert sign not in text


def test_a_sandbox_that_may_not_be_leaves_nothing_half_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = config.load_local("local")
    rule = EgressRule(cidr=IPv4Network("10.72.3.0/24"), port=80, reason="to another sandbox")
    wrong = lab.model_copy(
        update={"sandboxes": (lab.sandboxes[0].model_copy(update={"egress": (rule,)}),)}
    )
    declared: list[str] = []
    monkeypatch.setattr("stacks.local.LocalGround", lambda *_, **__: declared.append("ground"))
    with pytest.raises(ConfigError, match="the pods of every namespace"):
        deploy_local(monkeypatch, wrong)
    assert not declared


def test_the_program_reads_the_stack_and_picks_its_composition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_HOME", HOME)
    monkeypatch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    monkeypatch.setattr("infra.toolchain.artifacts", artifacts)
    document = config.load_local("local").model_dump(mode="json")
    deployment = deploy(
        run_program,
        computed=COMPUTED,
        config={"ai-lab:lab": json.dumps(document)},
    )
    assert deployment.exports["endpoints"]["vault"] == "https://10.71.0.12:8200"


def test_a_wrong_configuration_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"stack local: .*name: "):
        deploy(
            run_program,
            config={"ai-lab:lab": json.dumps({"ground": "local"})},
        )
