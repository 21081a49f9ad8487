"""Differences between what was asked for and what is there."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.live.support import drift, rbac

POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "n", "labels": {"a": "b"}},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
QUOTA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "q", "namespace": "n"},
    "spec": {"hard": {"limits.cpu": "2", "pods": "20"}},
}


def live(asked: dict[str, Any]) -> dict[str, Any]:
    there = copy.deepcopy(asked)
    there["metadata"] |= {"uid": "1", "resourceVersion": "2"}
    there["metadata"]["labels"] = {**asked["metadata"].get("labels", {}), "added": "by-kubernetes"}
    there["status"] = {"phase": "Active"}
    return there


@pytest.mark.parametrize("asked", [POLICY, QUOTA], ids=["policy", "quota"])
def test_book_keeping_is_no_difference(asked: dict[str, Any]) -> None:
    assert drift.differences(asked, live(asked)) == []


def test_quantities_are_numbers() -> None:
    there = live(QUOTA)
    there["spec"]["hard"]["limits.cpu"] = "2000m"
    assert drift.differences(QUOTA, there) == []


def test_the_order_of_names_does_not_matter() -> None:
    there = live(POLICY)
    there["spec"]["policyTypes"] = ["Egress", "Ingress"]
    assert drift.differences(POLICY, there) == []


def test_a_dropped_label_is_found() -> None:
    there = live(POLICY)
    del there["metadata"]["labels"]["a"]
    assert drift.differences(POLICY, there) == ["label a is None, not 'b'"]


def test_a_raised_quota_is_found() -> None:
    there = live(QUOTA)
    there["spec"]["hard"]["limits.cpu"] = "4"
    assert drift.differences(QUOTA, there) == ["spec.hard.limits.cpu is '4', not '2'"]


def test_a_removed_limit_is_found() -> None:
    there = live(QUOTA)
    del there["spec"]["hard"]["pods"]
    assert drift.differences(QUOTA, there) == ["spec.hard.pods is None, not '20'"]


def test_an_added_rule_is_found() -> None:
    there = live(POLICY)
    there["spec"]["egress"] = [{}]
    assert drift.differences(POLICY, there) == ["spec.egress is [{}], not None"]


def test_a_token_that_is_mounted_is_found() -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "s", "namespace": "n"},
        "automountServiceAccountToken": False,
    }
    there = live(account)
    del there["automountServiceAccountToken"]
    assert drift.differences(account, there) == ["automountServiceAccountToken is None, not False"]


def test_a_second_subject_is_found() -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": "n"},
        "subjects": [{"kind": "User", "name": "one"}],
    }
    there = live(binding)
    there["subjects"].append({"kind": "User", "name": "two"})
    assert drift.differences(binding, there) == [
        "subjects has [{'kind': 'User', 'name': 'two'}] besides"
    ]
    there["subjects"] = []
    assert drift.differences(binding, there) == ["subjects lacks [{'kind': 'User', 'name': 'one'}]"]


def test_wildcards_are_found() -> None:
    assert rbac.wildcards([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]) == []
    assert (
        len(rbac.wildcards([{"apiGroups": ["*"], "resources": ["*/scale"], "verbs": ["*"]}])) == 3
    )
    assert rbac.wildcards([{"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]}]) == []
    assert len(rbac.wildcards([{"nonResourceURLs": ["*"], "verbs": ["get"]}])) == 1


def test_rights_one_by_one() -> None:
    rules = [{"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "list"]}]
    assert rbac.rule_set(rules) == {
        ("", "pods", "get"),
        ("", "pods", "list"),
        ("apps", "pods", "get"),
        ("apps", "pods", "list"),
    }
    assert rbac.is_built_in({"metadata": {"labels": rbac.BUILT_IN}})
    assert not rbac.is_built_in({"metadata": {}})


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "n"},
    "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
}


def test_defaults_in_the_depths_of_a_deployment_are_no_difference() -> None:
    there = live(DEPLOYMENT)
    there["spec"]["progressDeadlineSeconds"] = 600
    there["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    assert drift.differences(DEPLOYMENT, there) == []


@pytest.mark.parametrize(
    "seed",
    [
        lambda spec: spec.update(replicas=0),
        lambda spec: spec["template"]["spec"]["containers"][0].update(image="evil"),
        lambda spec: spec["template"]["spec"]["containers"].append({"name": "more"}),
        lambda spec: spec.pop("template"),
    ],
)
def test_a_changed_deployment_is_seen(seed: Any) -> None:
    there = live(DEPLOYMENT)
    seed(there["spec"])
    assert drift.differences(DEPLOYMENT, there)
