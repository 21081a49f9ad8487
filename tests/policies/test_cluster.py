"""The objects of a cluster that rules become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from policies import cluster
from policies.admission import Admission, Default, Fill, Settings
from policies.registry import all_rules
from policies.rule import Level

ENFORCED = {id_: one for id_, one in all_rules().items() if isinstance(one.admission, Admission)}


def made(version: str = "1.36.3", levels: Mapping[str, Level] | None = None) -> list[Any]:
    return cluster.objects(Settings(), version, levels)


def named(manifests: list[Any], kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in cluster.of_kind(manifests, kind)}


def test_every_rule_has_a_policy_and_a_binding_in_order() -> None:
    manifests = made()
    names = [f"ai-lab-{id_}" for id_ in sorted(ENFORCED)]
    assert list(named(manifests, "ValidatingAdmissionPolicy")) == names
    assert list(named(manifests, "ValidatingAdmissionPolicyBinding")) == names
    assert manifests == made()


@pytest.mark.parametrize("rule", ENFORCED.values(), ids=lambda one: one.id)
def test_a_serious_rule_refuses_and_another_warns(rule: Any) -> None:
    name = cluster.name_of(rule.id)
    bound = named(made(), "ValidatingAdmissionPolicyBinding")[name]["spec"]
    refuses = rule.level is Level.MANDATORY
    assert bound["validationActions"] == ["Deny" if refuses else "Warn", "Audit"]
    assert bound["policyName"] == name
    policy = named(made(), "ValidatingAdmissionPolicy")[name]["spec"]
    assert policy["failurePolicy"] == "Fail"


def test_the_configuration_may_say_another_level() -> None:
    levels = {"no-host-access": Level.DISABLED, "limits-set": Level.MANDATORY}
    bindings = named(made(levels=levels), "ValidatingAdmissionPolicyBinding")
    assert "ai-lab-no-host-access" not in bindings
    assert bindings["ai-lab-limits-set"]["spec"]["validationActions"] == ["Deny", "Audit"]


@pytest.mark.parametrize(
    ("version", "sets"), [("1.36.3", True), ("v1.37.0", True), ("1.35", False)]
)
def test_defaults_are_set_where_the_api_is(version: str, sets: bool) -> None:
    manifests = made(version)
    policies = named(manifests, "MutatingAdmissionPolicy")
    assert set(policies) == (
        {
            "ai-lab-api-tokens-not-mounted",
            "ai-lab-run-as-non-root",
            "ai-lab-sandbox-requester-is-the-user",
            "ai-lab-seccomp-profile",
            "ai-lab-transfer-requester-is-the-user",
        }
        if sets
        else set()
    )
    assert set(named(manifests, "MutatingAdmissionPolicyBinding")) == set(policies)


def test_no_pod_is_changed_after_it_was_made() -> None:
    for one in cluster.of_kind(made(), "MutatingAdmissionPolicy"):
        for rule in one["spec"]["matchConstraints"]["resourceRules"]:
            if {"pods", "jobs", "replicasets"} & set(rule["resources"]):
                assert rule["operations"] == ["CREATE"]


def test_a_default_is_set_only_where_nothing_is_said() -> None:
    assert cluster.patch(Default(("a",), False)) == (
        "has(variables.pod.a) ? [] : "
        "[JSONPatch{op: 'add', path: variables.pointer + '/a', value: false}]"
    )
    assert cluster.patch(Default(("a", "b"), {"c": "d"})) == (
        "has(variables.pod.a) ? (has(variables.pod.a.b) ? [] : "
        "[JSONPatch{op: 'add', path: variables.pointer + '/a/b', value: {\"c\": \"d\"}}]) : "
        '[JSONPatch{op: \'add\', path: variables.pointer + \'/a\', value: {"b": {"c": "d"}}}]'
    )


def test_a_field_is_filled_only_where_nothing_is_said_and_nothing_else_is_made() -> None:
    assert cluster.filled(Fill(("spec", "a"), "request.userInfo.username")) == (
        "!has(object.spec) || has(object.spec.a) ? [] : "
        "[JSONPatch{op: 'add', path: '/spec/a', value: request.userInfo.username}]"
    )


def test_what_the_lab_allows_is_in_the_expressions() -> None:
    settings = Settings(registries=("registry.example.org",))
    manifests = cluster.objects(settings, "1.36.3")
    policy = named(manifests, "ValidatingAdmissionPolicy")["ai-lab-image-registries-allowed"]
    variables = {one["name"]: one["expression"] for one in policy["spec"]["variables"]}
    assert variables["settings"] == '{"registries": ["registry.example.org"]}'
