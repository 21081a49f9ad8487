"""What holds for every sandbox that a configuration can ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import config, naming
from infra.config import EgressRule, SandboxSpec
from infra.errors import ConfigError
from infra.sandbox import blueprint
from infra.sandbox.blueprint import draw
from infra.sandbox.quantity import amount
from tests.unit.sandbox.strategies import FACTS, rules, sandboxes

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

#: What the principal could move the walls with, or become somebody else.
NOT_FOR_TENANTS = {
    "roles",
    "rolebindings",
    "clusterroles",
    "clusterrolebindings",
    "secrets",
    "serviceaccounts/token",
    "pods/ephemeralcontainers",
    "pods/attach",
}
ONLY_TO_READ = {"networkpolicies", "resourcequotas", "limitranges", "serviceaccounts", "events"}


def of_kind(drawing: blueprint.Blueprint, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in drawing.objects if entry["kind"] == kind]


@given(sandboxes)
def test_every_object_lies_in_the_sandbox_and_has_a_valid_name(spec: SandboxSpec) -> None:
    drawing = draw(spec, FACTS)
    namespace = naming.sandbox_namespace(spec.name)
    for entry in drawing.objects:
        metadata = entry["metadata"]
        assert DNS_LABEL.fullmatch(metadata["name"])
        assert metadata["labels"][naming.LABEL_SANDBOX] == spec.name
        assert metadata["labels"][naming.LABEL_LAB] == "local"
        if entry["kind"] != "Namespace":
            assert metadata["namespace"] == namespace
    keys = [(entry["kind"], entry["metadata"]["name"]) for entry in drawing.objects]
    assert len(keys) == len(set(keys))
    assert drawing.objects[0]["metadata"]["name"] == namespace


@given(sandboxes)
def test_the_namespace_is_restricted_and_says_what_it_is_for(spec: SandboxSpec) -> None:
    metadata = draw(spec, FACTS).namespace["metadata"]
    for mode in ("enforce", "audit", "warn"):
        assert metadata["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert metadata["labels"][f"pod-security.kubernetes.io/{mode}-version"] == "v1.36"
    assert metadata["labels"][naming.LABEL_CLASSIFICATION] == spec.classification
    assert metadata["annotations"][naming.LABEL_PURPOSE] == spec.purpose


@given(sandboxes)
def test_everything_is_closed_both_ways_unless_a_policy_says_why(spec: SandboxSpec) -> None:
    policies = of_kind(draw(spec, FACTS), "NetworkPolicy")
    closed = policies[0]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = policies[1:]
    assert len(opened) == 2 + len(spec.egress)
    for policy in policies:
        assert policy["metadata"]["annotations"][naming.ANNOTATION_INTENT]
    for policy in opened:
        # Nothing ever opens the way in, and no rule is without destination and port.
        assert policy["spec"]["policyTypes"] == ["Egress"]
        for rule in policy["spec"]["egress"]:
            assert rule["to"]
            assert rule["ports"]
    declared = [policy["metadata"]["annotations"][naming.ANNOTATION_INTENT] for policy in opened]
    assert declared[2:] == [rule.reason for rule in spec.egress]


@given(sandboxes)
def test_dns_is_asked_of_the_clusters_own_servers_alone(spec: SandboxSpec) -> None:
    dns = of_kind(draw(spec, FACTS), "NetworkPolicy")[1]["spec"]
    assert dns["egress"] == [
        {
            "to": [
                {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                    },
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                }
            ],
            "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
        }
    ]


def test_vault_is_reached_by_pods_that_ask_for_it_only() -> None:
    spec = SandboxSpec(name="demo", purpose="shows a sandbox", principal="someone")
    vault = of_kind(draw(spec, FACTS), "NetworkPolicy")[2]["spec"]
    assert vault["podSelector"] == {"matchLabels": {naming.LABEL_SECRET_STORE: "client"}}
    assert vault["egress"] == [
        {
            "to": [{"ipBlock": {"cidr": "10.71.0.12/32"}}],
            "ports": [{"protocol": "TCP", "port": 8200}],
        }
    ]


@given(rules)
def test_no_rule_opens_the_lab_itself(rule: EgressRule) -> None:
    spec = SandboxSpec(name="demo", purpose="shows a sandbox", principal="someone", egress=(rule,))
    policy = of_kind(draw(spec, FACTS), "NetworkPolicy")[3]
    block = policy["spec"]["egress"][0]["to"][0]["ipBlock"]
    opened = IPv4Network(block["cidr"])
    holes = [IPv4Network(hole) for hole in block.get("except", [])]
    for closed in FACTS.network.forbidden():
        assert not closed.overlaps(opened) or any(closed.subnet_of(hole) for hole in holes)
    for hole in holes:
        assert hole.subnet_of(opened)
        assert hole != opened


@given(st.sampled_from(sorted(FACTS.network.forbidden())), st.data())
def test_a_rule_that_names_what_must_stay_closed_is_refused(
    closed: IPv4Network, data: st.DataObject
) -> None:
    length = data.draw(st.integers(closed.prefixlen, 32))
    cidr = IPv4Network((int(closed.network_address), length))
    rule = EgressRule(cidr=cidr, port=443, reason="a good reason")
    spec = SandboxSpec(name="demo", purpose="shows a sandbox", principal="someone", egress=(rule,))
    with pytest.raises(ConfigError, match=r"sandboxes\.demo\.egress\.1: .* lies in"):
        draw(spec, FACTS)


def test_the_whole_internet_leaves_out_nodes_and_metadata_services() -> None:
    rule = EgressRule(cidr=IPv4Network("0.0.0.0/0"), port=443, reason="fetches public data")
    spec = SandboxSpec(name="demo", purpose="shows a sandbox", principal="someone", egress=(rule,))
    block = of_kind(draw(spec, FACTS), "NetworkPolicy")[3]["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert block["except"] == [
        "10.71.0.10/32",
        "10.71.0.11/32",
        "10.71.0.12/32",
        "10.72.0.0/16",
        "10.73.0.0/16",
        "169.254.0.0/16",
    ]


def test_no_range_is_wide_enough_for_the_database_and_vault_beside_it_stays_open() -> None:
    vault = FACTS.network.vault
    facts = replace(FACTS, network=replace(FACTS.network, database=vault))
    rule = EgressRule(cidr=IPv4Network("10.71.0.0/24"), port=5432, reason="fetches public data")
    spec = SandboxSpec(name="demo", purpose="shows a sandbox", principal="someone", egress=(rule,))
    store, opened = of_kind(draw(spec, facts), "NetworkPolicy")[2:4]
    assert str(vault[0]) in opened["spec"]["egress"][0]["to"][0]["ipBlock"]["except"]
    assert store["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": str(vault[0])}}]


@given(sandboxes)
def test_no_service_account_has_its_token_mounted(spec: SandboxSpec) -> None:
    accounts = of_kind(draw(spec, FACTS), "ServiceAccount")
    assert {account["metadata"]["name"] for account in accounts} == {"default", "sandbox"}
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


@given(sandboxes)
def test_the_principal_alone_has_a_role_and_it_moves_no_wall(spec: SandboxSpec) -> None:
    drawing = draw(spec, FACTS)
    (role,), (binding,) = of_kind(drawing, "Role"), of_kind(drawing, "RoleBinding")
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": spec.principal}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    for rule in role["rules"]:
        assert not [word for words in rule.values() for word in words if "*" in word]
        assert not NOT_FOR_TENANTS.intersection(rule["resources"])
        if ONLY_TO_READ.intersection(rule["resources"]):
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
    # Nothing else in the sandbox grants anything, and rights come last.
    assert drawing.objects[-2:] == (role, binding)


@given(sandboxes)
def test_the_quota_binds_everything_and_opens_no_way_in(spec: SandboxSpec) -> None:
    (quota,) = of_kind(draw(spec, FACTS), "ResourceQuota")
    hard = quota["spec"]["hard"]
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"
    for resource in ("cpu", "memory"):
        wanted = getattr(spec.quota, resource)
        assert hard[f"requests.{resource}"] == hard[f"limits.{resource}"] == wanted
    assert hard["requests.storage"] == hard["limits.ephemeral-storage"] == spec.quota.storage
    assert hard["pods"] == str(spec.quota.pods)
    assert hard["requests.nvidia.com/gpu"] == str(spec.quota.gpus)
    assert hard["count/resourceclaims.resource.k8s.io"] == str(spec.quota.gpus)


@given(sandboxes)
def test_limits_fit_into_the_quota(spec: SandboxSpec) -> None:
    (limits,) = of_kind(draw(spec, FACTS), "LimitRange")
    container, claim = limits["spec"]["limits"]
    for resource, most in container["max"].items():
        request, limit = container["defaultRequest"][resource], container["default"][resource]
        assert amount(request) <= amount(limit) <= amount(most)
    assert container["max"]["cpu"] == spec.quota.cpu
    assert claim == {"type": "PersistentVolumeClaim", "max": {"storage": spec.quota.storage}}


def test_facts_come_from_the_configuration() -> None:
    lab = config.load_local("local")
    facts = blueprint.facts_of(lab.name, lab, "1.36.3")
    assert facts == FACTS
    assert IPv4Network("10.71.0.12") not in facts.network.nodes
