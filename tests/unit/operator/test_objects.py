"""The operator's objects, as data and as Pulumi resources, and what it is told in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest

from infra import naming
from infra.cluster.images import Image
from infra.config import LocalLab
from infra.errors import ConfigError
from infra.operator import configuration, contract, objects, rights
from infra.operator.objects import Papers, Ways
from infra.operator.targets import targets
from infra.sandbox import blueprint, roles
from infra.secrets import requested
from infra.secrets.requested import Mounts
from policies import preview
from policies.admission import Admission, Settings
from policies.registry import all_rules
from stacks import sandbox_service
from tests.harness import local_lab
from tests.harness.deploy import Deployment
from tests.harness.local_lab import KUBERNETES, deploy_local

IMAGE = Image("lab.local/ai-lab:0123456789ab", "Never", "f" * 64)
WAYS = Ways((IPv4Network("10.71.0.12/32"),), 8200, (IPv4Network("10.71.0.12/32"),))
PAPERS = Papers("{}", "vault", "database", "0" * 64)
ACCESSOR = "auth_jwt_12345678"
Manifest = dict[str, Any]

MACHINES = [
    {"name": "control-plane", "role": "control-plane", "address": "10.71.0.10"},
    {"name": "worker", "role": "worker", "address": "10.71.0.11"},
    {"name": "vault", "role": "vault", "address": "10.71.0.12"},
]
SERVICE = {
    "requesters": {"groups": ["testers"]},
    "approvers": {"groups": ["leads"]},
    "profiles": {"small": {}, "gpu": {"quota": {"gpus": 1}}},
    "pool": {"small": 2},
}


def lab(**changes: Any) -> LocalLab:
    document = {
        "name": "local",
        "ground": "local",
        "machines": MACHINES,
        "database": {"machine": "vault"},
        "sandbox_service": SERVICE,
        **changes,
    }
    return LocalLab.model_validate(document)


def made(**given: Any) -> list[Manifest]:
    return objects.objects(
        "local", KUBERNETES, IMAGE, WAYS, PAPERS, audience=naming.KUBERNETES_AUDIENCE, **given
    )


def one(kind: str, name: str = "") -> Manifest:
    (found,) = [
        entry
        for entry in made()
        if entry["kind"] == kind and name in ("", entry["metadata"]["name"])
    ]
    return found


def pod() -> Manifest:
    spec: Manifest = one("Deployment")["spec"]["template"]["spec"]
    return spec


def faults(manifests: list[Manifest], *, sandboxed: bool) -> list[str]:
    """What the rules say of objects: in their own namespace, or as if it were a sandbox."""
    found = []
    for rule in all_rules().values():
        if not isinstance(rule.admission, Admission) or rule.admission.of_the_request:
            continue
        for manifest in manifests:
            namespace = preview.namespace_of(manifest)
            if sandboxed:
                namespace["metadata"]["labels"] = {naming.LABEL_SANDBOX: "operator"}
            told = rule.admission.faults(manifest, namespace, Settings())
            found += [f"{rule.id}: {fault}" for fault in told]
    return found


@pytest.mark.parametrize("sandboxed", [False, True])
def test_the_lab_keeps_its_own_rules(sandboxed: bool) -> None:
    """Even those that are for sandboxes only, in its own namespace."""
    own = [
        entry
        for entry in made()
        if not sandboxed or entry["metadata"].get("namespace") == naming.OPERATOR_NAMESPACE
    ]
    assert faults(own, sandboxed=sandboxed) == []


def _change(path: str, value: Any) -> Callable[[Manifest], None]:
    def change(deployment: Manifest) -> None:
        place: Any = deployment["spec"]["template"]["spec"]
        *way, last = path.split(".")
        for part in way:
            place = place[int(part)] if part.isdigit() else place[part]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (_change("containers.0.resources.limits", {}), "limits-set"),
        (_change("containers.0.image", "docker.io/x:1"), "image-registries-allowed"),
        (_change("containers.0.securityContext", {}), "read-only-root-filesystem"),
        (_change("automountServiceAccountToken", True), "api-tokens-not-mounted"),
        (_change("volumes.1.projected.sources", [{"serviceAccountToken": {}}]), "short-lived"),
        (_change("hostNetwork", True), "no-host-access"),
    ],
)
def test_a_worse_pod_is_seen(spoil: Callable[[Manifest], None], rule: str) -> None:
    deployment = copy.deepcopy(one("Deployment"))
    spoil(deployment)
    assert any(fault.startswith(rule) for fault in faults([deployment], sandboxed=True))


def test_two_pods_of_which_one_may_go() -> None:
    spec = one("Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    budget = one("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]


def test_its_namespace_is_closed_but_for_four_ways() -> None:
    ways = {
        entry["metadata"]["name"]: entry["spec"]
        for entry in made()
        if entry["kind"].endswith("NetworkPolicy")
    }
    assert set(ways) == {
        "allow-api-server",
        "allow-database",
        "allow-scraping",
        "allow-vault",
        "default-deny",
    }
    (out,) = ways["allow-vault"]["egress"]
    assert out["to"] == [{"ipBlock": {"cidr": "10.71.0.12/32"}}]
    assert out["ports"] == [{"protocol": "TCP", "port": 8200}]
    (out,) = ways["allow-database"]["egress"]
    assert out["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
        "restricted"
    )


def test_each_token_is_for_somebody_and_the_key_is_in_memory() -> None:
    tokens = [
        source["serviceAccountToken"]
        for volume in pod()["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    assert {token["audience"] for token in tokens} == {
        naming.KUBERNETES_AUDIENCE,
        naming.VAULT_AUDIENCE,
    }
    assert all(token["expirationSeconds"] <= 3600 for token in tokens)
    (keys,) = [volume for volume in pod()["volumes"] if volume["name"] == "keys"]
    assert keys["emptyDir"]["medium"] == "Memory"
    mounted = {mount["mountPath"] for mount in pod()["containers"][0]["volumeMounts"]}
    for file in (contract.CONFIGURATION, contract.VAULT_TOKEN):
        assert str(file.parent) in mounted
    assert str(contract.KEYS) in mounted


def test_it_may_do_only_what_it_does() -> None:
    rules = roles.operator()
    assert not [rule for rule in rules for name in rule["resources"] if "*" in name]
    assert not [rule for rule in rules for verb in rule["verbs"] if verb in ("*", "escalate")]
    kinds = {(group, name) for rule in rules for group in rule["apiGroups"] for name in
             rule["resources"]}  # fmt: skip
    for never in ("secrets", "configmaps", "pods/exec", "pods/log", "serviceaccounts/token"):
        assert ("", never) not in kinds
    (binds,) = [rule for rule in rules if "bind" in rule["verbs"]]
    assert set(binds["resourceNames"]) == {naming.PRINCIPAL_ROLE, naming.TOKEN_ROLE}
    namespaces = {entry["metadata"]["namespace"] for entry in rights.rights({})}
    assert namespaces == {naming.OPERATOR_NAMESPACE, "default"}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    computed = {"ailab:vault:AuthMethod": lambda _name, _inputs: {"accessor": ACCESSOR}}
    monkeypatch.setattr(local_lab, "COMPUTED", local_lab.COMPUTED | computed)
    return deploy_local(monkeypatch, lab())


def _declared(deployment: Deployment, name: str) -> Manifest:
    return {key: value for key, value in deployment.named(name).inputs.items() if value is not None}


def test_it_is_told_what_the_lab_is(deployment: Deployment) -> None:
    data = _declared(deployment, "lab-sandbox-operator/configmap/sandbox-operator")["data"]
    assert data[contract.VAULT_AUTHORITY.name] == local_lab.AUTHORITY
    assert data[contract.DATABASE_AUTHORITY.name] == local_lab.AUTHORITY
    told = configuration.parse(data[contract.CONFIGURATION.name])
    assert told.facts == blueprint.facts_of("local", lab(), KUBERNETES)
    assert told.vault.mounts == Mounts(ACCESSOR)
    assert told.profiles["small"].pool == 2
    assert told.profiles["gpu"].pool == 0
    assert told.profiles["gpu"].quota.gpus == 1
    assert told.approvals["confidential"] == 2
    assert isinstance(told.evidence, configuration.PostgresqlSettings)
    assert told.evidence.user == naming.OPERATOR
    assert told.probe.targets == targets(told.facts.network)
    assert told.probe.image.startswith("lab.local/probe:")


def test_what_it_is_told_changes_its_pods(deployment: Deployment) -> None:
    spec = _declared(deployment, "lab-sandbox-operator/deployment/sandbox-operator")["spec"]
    digest = spec["template"]["metadata"]["annotations"]["ai-lab.eu/told"]
    assert len(digest) == 64


def test_it_starts_when_it_is_let_in(deployment: Deployment) -> None:
    pods = deployment.named("lab-sandbox-operator/deployment/sandbox-operator")
    waits = deployment.waits_for(pods)
    assert {naming.OPERATOR, naming.VAULT_EVIDENCE_KEY, "requested-sandbox"} <= waits
    assert "lab-sandbox-operator/networkpolicy/default-deny" in waits
    (baseline,) = deployment.of_type("ailab:cluster:Baseline")
    policies = {entry.name for entry in deployment.resources if entry.parent == baseline.urn}
    assert policies <= waits


def test_vault_gets_its_two_policies(deployment: Deployment) -> None:
    mounts = Mounts(ACCESSOR)
    rules = {
        entry.inputs["name"]: entry.inputs["rules"]
        for entry in deployment.of_type("ailab:vault:Policy")
    }
    assert rules["requested-sandbox"] == requested.sandbox_policy(mounts)
    assert rules[naming.OPERATOR] == requested.operator_policy(mounts)


def test_without_the_service_there_is_no_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    found = deploy_local(monkeypatch, lab(sandbox_service=None))
    assert found.of_type("ailab:operator:SandboxOperator") == []
    assert found.of_type("ailab:secrets:OperatorAccess") == []


def test_without_a_database_nobody_may_ask() -> None:
    sandbox_service.require_place(lab())
    sandbox_service.require_place(lab(sandbox_service=None, database=None))
    with pytest.raises(ConfigError, match=r"database\.machine"):
        sandbox_service.require_place(lab(database=None))


def test_targets_have_controls_and_what_listens() -> None:
    found = {one.id: one for one in targets(blueprint.facts_of("local", lab(), KUBERNETES).network)}
    assert {one.id for one in found.values() if one.must_be == "open"} == {"dns", "vault-1"}
    closed = {(one.to, one.port) for one in found.values() if one.must_be == "closed"}
    assert closed >= {
        ("10.73.0.1", 443),
        ("10.73.0.10", 9153),
        ("169.254.169.254", 80),
        ("10.71.0.10", 6443),
        ("10.71.0.11", 10250),
        ("10.71.0.11", 22),
        ("10.71.0.12", 22),
        ("10.71.0.12", 5432),
    }


def test_a_configuration_with_a_fault_says_where_and_not_what() -> None:
    with pytest.raises(ConfigError, match="lab") as told:
        configuration.parse('{"lab": 5, "secret": "hunter2"}')
    assert "hunter2" not in str(told.value)
