"""The baseline of every cluster, as data."""

from __future__ import annotations

from typing import Any

import pytest

from infra import naming
from infra.cluster import manifests, objects

BASELINE = objects.baseline("local", "1.36.3")

#: Content, or a way to become somebody else: no reader of the lab's configuration needs it.
NOT_FOR_READERS = {"secrets", "configmaps", "pods/exec", "pods/log", "serviceaccounts/token"}


def in_namespace(namespace: str, kind: str) -> list[dict[str, Any]]:
    return [
        entry
        for entry in BASELINE
        if entry["kind"] == kind and entry["metadata"].get("namespace") == namespace
    ]


def namespaces() -> dict[str, dict[str, str]]:
    return {
        entry["metadata"]["name"]: entry["metadata"]["labels"]
        for entry in BASELINE
        if entry["kind"] == "Namespace"
    }


def test_kubernetes_own_namespaces_are_restricted_but_one() -> None:
    levels = {
        name: labels["pod-security.kubernetes.io/enforce"] for name, labels in namespaces().items()
    }
    assert levels == {
        "default": "restricted",
        "kube-node-lease": "restricted",
        "kube-public": "restricted",
        "kube-system": "privileged",
    }
    for labels in namespaces().values():
        assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.36"


@pytest.mark.parametrize("version", ["1.36.3", "v1.36.3", "1.36"])
def test_the_version_of_the_rules_is_pinned(version: str) -> None:
    labels = manifests.pod_security_labels("restricted", version)
    assert labels["pod-security.kubernetes.io/warn-version"] == "v1.36"


@pytest.mark.parametrize("namespace", ["default", "kube-node-lease", "kube-public", "kube-system"])
def test_every_namespace_is_closed_both_ways_and_mounts_no_token(namespace: str) -> None:
    closing = [
        policy["spec"]
        for policy in in_namespace(namespace, "NetworkPolicy")
        if policy["metadata"]["name"] == "default-deny"
    ]
    assert closing == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]
    accounts = {
        account["metadata"]["name"]: account["automountServiceAccountToken"]
        for account in in_namespace(namespace, "ServiceAccount")
    }
    assert accounts == {"default": False}


def test_only_dns_is_opened_in_the_system_namespace() -> None:
    policies = {
        policy["metadata"]["name"]: policy["spec"]
        for policy in in_namespace("kube-system", "NetworkPolicy")
    }
    assert set(policies) == {"default-deny", "allow-dns-queries"}
    dns = policies["allow-dns-queries"]
    assert dns["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert dns["policyTypes"] == ["Ingress"]
    assert dns["ingress"][0]["ports"] == manifests.DNS_PORTS
    (to_api,) = in_namespace("kube-system", "CiliumNetworkPolicy")
    assert to_api["spec"]["endpointSelector"] == dns["podSelector"]
    assert [rule["toEntities"] for rule in to_api["spec"]["egress"]] == [["kube-apiserver"]]
    assert to_api["spec"]["egress"][0]["toPorts"] == [
        {"ports": [{"port": "6443", "protocol": "TCP"}]}
    ]


def test_every_policy_says_why_it_is_there() -> None:
    for entry in BASELINE:
        if entry["kind"].endswith("NetworkPolicy"):
            assert entry["metadata"]["annotations"][naming.ANNOTATION_INTENT]


def test_lab_roles_read_and_nothing_else() -> None:
    roles = [entry for entry in BASELINE if entry["kind"] == "ClusterRole"]
    assert {role["metadata"]["name"] for role in roles} == {
        "ai-lab:auditor",
        "ai-lab:platform-reader",
    }
    for rule in (rule for role in roles for rule in role["rules"]):
        assert rule["verbs"] == ["get", "list", "watch"]
        assert not [word for words in rule.values() for word in words if "*" in word]
        assert not NOT_FOR_READERS.intersection(rule["resources"])


def test_each_lab_role_is_bound_to_its_own_group() -> None:
    bindings = [entry for entry in BASELINE if entry["kind"] == "ClusterRoleBinding"]
    bound = {
        binding["roleRef"]["name"]: [
            (subject["kind"], subject["name"]) for subject in binding["subjects"]
        ]
        for binding in bindings
    }
    assert bound == {
        "ai-lab:auditor": [("Group", "ai-lab:auditors")],
        "ai-lab:platform-reader": [("Group", "ai-lab:platform-readers")],
    }


def test_everything_is_labelled_with_its_lab() -> None:
    assert {entry["metadata"]["labels"][naming.LABEL_LAB] for entry in BASELINE} == {"local"}
