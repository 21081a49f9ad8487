"""The baseline as Pulumi resources."""

from __future__ import annotations

import pytest

from infra import config
from infra.cluster import kubernetes, objects
from infra.sandbox import service
from policies import cluster
from policies.admission import Settings
from tests.harness.deploy import Deployment
from tests.harness.local_lab import KUBERNETES, deploy_local


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deploy_local(monkeypatch)


def test_it_declares_the_objects_and_nothing_else(deployment: Deployment) -> None:
    (baseline,) = deployment.of_type("ailab:cluster:Baseline")
    declared = {
        entry.name: {key: value for key, value in entry.inputs.items() if value is not None}
        for entry in deployment.resources
        if entry.parent == baseline.urn
    }
    wanted = {
        kubernetes.resource_name(manifest): manifest
        for manifest in objects.baseline(
            "local",
            KUBERNETES,
            policies=cluster.objects(Settings(), KUBERNETES),
            extensions=service.extensions(config.load_local("local")),
        )
    }
    assert declared == wanted


def test_what_the_api_server_enforces_comes_before_everything_else(
    deployment: Deployment,
) -> None:
    made = [entry for entry in deployment.resources if entry.type.startswith("kubernetes:")]
    enforced = {entry.name for entry in made if "admissionregistration" in entry.type}
    assert enforced
    first = deployment.named("namespace/default")
    assert enforced <= deployment.waits_for(first)
    for entry in made:
        if entry.name not in enforced | {first.name}:
            assert first.name in deployment.waits_for(entry)
        elif "binding/" in entry.name:
            assert entry.name.replace("binding/", "/") in deployment.waits_for(entry)


def test_dns_is_opened_before_its_namespace_is_closed(deployment: Deployment) -> None:
    closing = deployment.named("kube-system/networkpolicy/default-deny")
    assert {
        "kube-system/networkpolicy/allow-dns-queries",
        "kube-system/ciliumnetworkpolicy/allow-dns-to-api-server",
    } <= deployment.waits_for(closing)


def test_what_kubernetes_makes_itself_is_adopted_and_never_deleted(
    deployment: Deployment,
) -> None:
    adopting = deployment.named("local-adopting", "pulumi:providers:kubernetes")
    adopted = {
        entry.name for entry in deployment.resources if entry.provider.startswith(adopting.urn)
    }
    own = ("default", "kube-node-lease", "kube-public", "kube-system")
    made = ("lab-auditor", "lab-sandbox-operator", "sandbox-demo")
    assert adopted == {
        *(f"namespace/{name}" for name in own),
        *(f"{name}/serviceaccount/default" for name in (*own, *made)),
    }
    kept = {entry.name for entry in deployment.resources if entry.retain_on_delete}
    assert kept == adopted | {"audit"}


def test_nothing_else_may_be_there_already(deployment: Deployment) -> None:
    own, adopting = deployment.of_type("pulumi:providers:kubernetes")
    assert own.inputs == {"kubeconfig": "/lab-home/local/kubeconfig"}
    assert adopting.inputs == {**own.inputs, "upsertExistingObjects": "true"}


def test_the_way_in_is_a_path_that_is_known_when_the_network_is_up(
    deployment: Deployment,
) -> None:
    providers = deployment.of_type("pulumi:providers:kubernetes")
    for provider in providers:
        assert "network" in deployment.waits_for(provider)
    for entry in deployment.resources:
        if entry.type.startswith("kubernetes:"):
            assert entry.provider.startswith(tuple(provider.urn for provider in providers))
