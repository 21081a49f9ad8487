"""The component: everything of the blueprint, in an order in which nobody gets in early."""

from __future__ import annotations

import pytest
from pulumi.runtime import rpc

from infra import config
from infra.sandbox import blueprint
from tests.harness.deploy import Deployment, Resource
from tests.harness.local_lab import KUBERNETES, deploy_local

NAMESPACE = "sandbox-demo"


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deploy_local(monkeypatch)


def children(deployment: Deployment) -> list[Resource]:
    sandbox = deployment.named("demo", "ailab:sandbox:SandboxNamespace")
    return [entry for entry in deployment.resources if entry.parent == sandbox.urn]


def test_it_declares_the_blueprint_and_nothing_else(deployment: Deployment) -> None:
    lab = config.load_local("local")
    drawing = blueprint.draw(lab.sandboxes[0], blueprint.facts_of(lab.name, lab, KUBERNETES))
    declared = {
        (entry.inputs["kind"], entry.inputs["metadata"]["name"]): {
            key: value for key, value in entry.inputs.items() if value is not None
        }
        for entry in children(deployment)
        if entry.type.startswith("kubernetes:")
    }
    assert declared == {
        (manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in drawing.objects
    }
    in_vault = sorted(
        entry.type for entry in children(deployment) if entry.type.startswith("ailab:vault:")
    )
    assert in_vault == ["ailab:vault:Policy", "ailab:vault:Role", "ailab:vault:TransitKey"]


def test_rights_come_after_every_wall_and_every_key(deployment: Deployment) -> None:
    grants = {f"{NAMESPACE}/role/principal", f"{NAMESPACE}/rolebinding/principal"}
    walls = {entry.name for entry in children(deployment)} - grants
    for name in grants:
        assert walls <= deployment.waits_for(deployment.named(name))


def test_vaults_role_comes_after_its_policy_and_its_method(deployment: Deployment) -> None:
    before = deployment.waits_for(deployment.named(f"{NAMESPACE}/role", "ailab:vault:Role"))
    assert {f"{NAMESPACE}/policy", "jwt", "transit", "kv"} <= before


def test_everything_goes_with_what_carries_it_and_is_made_anew_with_it(
    deployment: Deployment,
) -> None:
    for entry in children(deployment):
        carrier = deployment.by_urn(entry.deleted_with)
        machine = {"network": "control-plane-1", "vault": "vault-1"}[carrier.name]
        assert entry.replacement_trigger == machine
        assert entry.delete_before_replace


def test_a_preview_of_nothing_knows_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deploy_local(monkeypatch, preview=True)
    assert deployment.exports["sandboxes"]["demo"]["kv_path"] == "kv/sandboxes/demo"
    namespace = deployment.named(f"namespace/{NAMESPACE}")
    assert namespace.replacement_trigger == rpc.UNKNOWN
