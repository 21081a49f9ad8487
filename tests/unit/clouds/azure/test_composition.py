"""How the parts on Azure come together: what waits for what, names, the way in, and Vault."""

from __future__ import annotations

import base64
import json
import runpy
import subprocess
import sys
from typing import Any

import pytest
from pulumi.output import Unknown

from infra import paths
from infra.clouds.azure import kubeconfig
from infra.clouds.azure.place import Place
from infra.cluster import policies
from infra.config import AzureLab
from infra.errors import PluginFailed
from tests.harness import azure_lab
from tests.harness.azure_lab import CLUSTER_AUTHORITY, COMPUTED, deploy_azure, load
from tests.harness.deploy import Deployment, deploy
from tests.harness.local_lab import HOME, KUBERNETES, SIGNING_KEY, artifacts
from tests.unit.clouds.azure.expected import AKS, KEY, KEY_VAULT, MACHINE, POSTGRESQL, ROLE, STORE

PLAYBOOK = "ailab:ansible:Playbook"
VAULT_ROLE = "ailab:vault:AuthMethod"


def test_exports_say_what_users_need_to_know(any_deployment: Deployment, any_lab: AzureLab) -> None:
    exports = any_deployment.exports
    vault = any_lab.network.vault[10]
    assert exports["endpoints"]["vault"] == f"https://{vault}:8200"
    assert exports["endpoints"]["kubernetes"].endswith(".azmk8s.io:443")
    assert exports["endpoints"]["registry"].endswith(".azurecr.io")
    assert exports["sandboxes"]["demo"]["namespace"] == "sandbox-demo"


def test_the_audit_knows_where_images_come_from(
    any_deployment: Deployment, any_lab: AzureLab
) -> None:
    """It computes what the program declares: with another name the lab's own registry is drift."""
    enforcing = any_deployment.of_type(
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
    )
    (known,) = {
        entry["expression"]
        for policy in enforcing
        for entry in policy.inputs["spec"].get("variables", [])
        if entry["name"] == "settings"
    }
    assert json.loads(known)["registries"] == list(policies.settings(any_lab).registries)
    assert json.loads(known)["registries"] == [any_deployment.exports["endpoints"]["registry"]]


def test_the_kubeconfig_holds_no_secret_and_checks_the_server(any_deployment: Deployment) -> None:
    config = json.loads(any_deployment.exports["kubeconfig"])
    (cluster,) = (entry["cluster"] for entry in config["clusters"])
    assert cluster["certificate-authority-data"] == CLUSTER_AUTHORITY
    assert cluster["server"] == any_deployment.exports["endpoints"]["kubernetes"]
    (user,) = (entry["user"] for entry in config["users"])
    assert user.keys() == {"exec"}
    assert user["exec"]["command"] == "kubelogin"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kubeconfig": {"value": "not base64!"}},
        {"kubeconfig": {"value": base64.b64encode(b"clusters: []").decode()}},
        {"kubeconfig": {"value": base64.b64encode(b"{").decode()}},
    ],
)
def test_an_answer_that_is_no_kubeconfig_is_told(answer: dict[str, Any]) -> None:
    with pytest.raises(PluginFailed, match="no kubeconfig"):
        kubeconfig.authority_of(answer)


def test_a_first_preview_declares_the_same_resources(
    monkeypatch: pytest.MonkeyPatch, made: Deployment, lab: AzureLab
) -> None:
    preview = deploy_azure(monkeypatch, lab, preview=True)
    assert {entry.urn for entry in preview.resources} == {entry.urn for entry in made.resources}
    assert isinstance(preview.exports["kubeconfig"], Unknown)


def test_rights_are_there_before_what_needs_them(made: Deployment) -> None:
    cluster = made.of_type(AKS)[0]
    assert {
        "azure-full-cluster-network",
        "azure-full-cluster-names",
        "azure-full-cluster-disks",
        "azure-full-cluster-kubelet",
        "azure-full-cluster-etcd-vault",
        "azure-full-etcd-key",
        "azure-full-kubelet-images",
    } <= made.waits_for(cluster, ROLE)
    for type_, key in ((POSTGRESQL, "database"), (MACHINE, "unseal")):
        for one in made.of_type(type_):
            assert f"azure-full-{key}-key" in made.waits_for(one, ROLE)
    for store in made.of_type(STORE):
        assert f"{store.name}-key" in made.waits_for(store, ROLE)


def test_nodes_start_from_the_registry_only_when_it_can_be_reached(made: Deployment) -> None:
    before = made.waits_for(made.of_type(AKS)[0])
    assert "azure-full-aks-bootstrap" in made.waits_for(
        made.of_type(AKS)[0], "azure-native:containerregistry:CacheRule"
    )
    assert "azure-full-registry" in before


def test_vault_is_opened_by_the_machines_identity(made: Deployment, lab: AzureLab) -> None:
    playbook = made.named("vault", PLAYBOOK)
    variables = playbook.inputs["variables"]
    (vault,) = (one for one in made.of_type(KEY_VAULT) if one.name == "azure-full-unseal")
    assert variables["lab_vault_seal"] == "azurekeyvault"
    assert variables["lab_vault_seal_settings"] == {
        "tenant_id": str(lab.tenant_id),
        "vault_name": vault.inputs["vaultName"],
        "key_name": "unseal",
    }
    assert variables["lab_vault_key_shares"] == 5
    assert [host["address"] for host in playbook.inputs["hosts"]] == [
        str(lab.network.vault[number]) for number in (11, 12, 13)
    ]
    assert {"azure-full-vault-1", "azure-full-vault-2", "azure-full-vault-3"} <= made.waits_for(
        playbook, MACHINE
    )


def test_only_engineers_administer_vault(made: Deployment) -> None:
    variables = made.named("base", PLAYBOOK).inputs["variables"]
    assert variables["base_administration_sources"] == ["10.9.0.0/24", "10.9.8.0/24"]
    assert variables["vault_server_client_ranges"] == [
        "10.9.0.0/24",
        "10.9.8.0/24",
        "127.0.0.1/32",
    ]


def test_vault_is_used_by_nodes_and_found_by_the_load_balancer(
    made: Deployment, lab: AzureLab
) -> None:
    variables = made.named("base", PLAYBOOK).inputs["variables"]
    assert variables["base_vault_sources"] == [str(lab.network.nodes), "168.63.129.16/32"]


def test_machines_take_the_time_from_their_host(made: Deployment) -> None:
    variables = made.named("base", PLAYBOOK).inputs["variables"]
    assert variables["base_time_servers"] == []
    assert variables["base_clock_devices"] == ["/dev/ptp_hyperv"]


def test_workloads_log_in_with_the_keys_that_the_cluster_signs_with(made: Deployment) -> None:
    login = made.named("jwt", VAULT_ROLE).inputs["config"]
    assert login["jwt_validation_pubkeys"] == [SIGNING_KEY]
    assert login["bound_issuer"] == azure_lab.ISSUER


def test_each_machine_keeps_its_disk_and_each_key_its_vault(made: Deployment) -> None:
    keys = {one.inputs["keyName"]: one.inputs["vaultName"] for one in made.of_type(KEY)}
    assert len({keys[name] for name in ("etcd", "images", "unseal", "disks", "database-geo")}) == 5
    for machine in made.of_type(MACHINE):
        assert machine.inputs["storageProfile"]["osDisk"]["deleteOption"] == "Detach"


def test_azures_options_name_the_subscription(made: Deployment, lab: AzureLab) -> None:
    provider = made.named("azure-full", "pulumi:providers:azure-native")
    assert provider.inputs["subscriptionId"] == str(lab.subscription_id)
    assert provider.inputs["tenantId"] == str(lab.tenant_id)
    azure = [one for one in made.resources if one.type.startswith("azure-native:")]
    assert {one.provider.rpartition("::")[0] for one in azure} == {provider.urn}


def test_global_names_fit_and_differ_by_lab_and_subscription() -> None:
    def name(lab: str, subscription: str, kind: str) -> str:
        return Place(lab, "westeurope", subscription, "t", lab, {}).unique(kind)

    first = name("a-lab-of-twenty-char", "s", "artifacts")
    assert first == name("a-lab-of-twenty-char", "s", "artifacts")
    assert first not in {
        name("another-lab", "s", "artifacts"),
        name("a-lab-of-twenty-char", "other", "artifacts"),
        name("a-lab-of-twenty-char", "s", "evidence"),
    }
    for kind in ("artifacts", "database", "evidence", "flows", "keys", "registry", "unseal"):
        assert name("a-lab-of-twenty-char", "s", kind).isalnum()
        assert len(name("a-lab-of-twenty-char", "s", kind)) <= 24


def test_the_program_reads_the_stack_and_picks_its_composition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_HOME", HOME)
    monkeypatch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    monkeypatch.setattr("infra.toolchain.artifacts", lambda **_: artifacts())
    document = load("azure-least").model_dump(mode="json")

    def program() -> None:
        runpy.run_path(str(paths.REPOSITORY / "stacks" / "__main__.py"))

    deployment = deploy(
        program,
        computed=COMPUTED,
        config={"ai-lab:lab": json.dumps(document)},
    )
    assert deployment.of_type(AKS)


def test_the_sdk_is_loaded_when_it_is_used_and_not_before() -> None:
    """All of its packages take three seconds, which a program on another ground must not pay."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, stacks.azure; "
            "print(*(name for name in sys.modules if name.endswith('managed_cluster')))",
        ],
        cwd=paths.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == ""
