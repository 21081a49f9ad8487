"""The API server's audit policy: which rule a request meets first, as Kubernetes reads it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from infra.paths import REPOSITORY

POLICY = REPOSITORY / "ansible/roles/control_plane/templates/audit.yaml.j2"
NODE = ("system:node:worker", "system:nodes")
AGENT = ("system:serviceaccount:kube-system:cilium", "system:serviceaccounts:kube-system")
CONTROLLER = ("system:kube-controller-manager", "")
SOMEBODY = ("demo-auditor", "system:authenticated")


def level(rules: list[dict[str, Any]], who: tuple[str, str], verb: str, what: str) -> str:
    """Level of the first rule that a request meets; `what` is RESOURCE, GROUP:RESOURCE or /PATH."""
    user, user_group = who
    group, _, resource = what.rpartition(":")
    for rule in rules:
        named = bool(rule.get("users") or rule.get("userGroups"))
        if named and user not in rule.get("users", ()) and user_group not in rule["userGroups"]:
            continue
        if rule.get("verbs") and verb not in rule["verbs"]:
            continue
        paths, entries = rule.get("nonResourceURLs"), rule.get("resources")
        if what.startswith("/"):
            met = any(fnmatchcase(what, path) for path in paths) if paths else not entries
        else:
            met = _met(entries, group, resource) if entries else not paths
        if met:
            return str(rule["level"])
    return "None"


def _met(entries: list[dict[str, Any]], group: str, resource: str) -> bool:
    return any(
        entry["group"] == group and resource in entry.get("resources", [resource])
        for entry in entries
    )


@pytest.fixture
def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(POLICY.read_text())
    found: list[dict[str, Any]] = document["rules"]
    return [{"users": [], "userGroups": [], **rule} for rule in found]


@pytest.mark.parametrize("who", [NODE, AGENT, CONTROLLER, SOMEBODY], ids=lambda who: who[0])
@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "delete"])
@pytest.mark.parametrize("what", ["secrets", "serviceaccounts/token"])
def test_whoever_touches_a_secret_is_recorded_without_it(
    who: tuple[str, str], verb: str, what: str, rules: list[dict[str, Any]]
) -> None:
    assert level(rules, who, verb, what) == "Metadata"


def test_an_exception_that_comes_first_is_seen(rules: list[dict[str, Any]]) -> None:
    """The policy as it was: its exceptions for the system's own accounts hid their secrets."""
    first = next(rule for rule in rules if "secrets" in str(rule.get("resources")))
    wrong = [*(rule for rule in rules if rule is not first), first]
    assert level(wrong, AGENT, "get", "secrets") == "None"


@pytest.mark.parametrize(
    ("who", "verb", "what", "expected"),
    [
        (NODE, "watch", "pods", "None"),
        (AGENT, "list", "cilium.io:ciliumendpoints", "None"),
        (SOMEBODY, "get", "/healthz", "None"),
        (SOMEBODY, "get", "pods", "Metadata"),
        (SOMEBODY, "get", "configmaps", "Metadata"),
        (SOMEBODY, "create", "pods/exec", "Request"),
        (SOMEBODY, "delete", "networking.k8s.io:networkpolicies", "Request"),
        (AGENT, "delete", "rbac.authorization.k8s.io:clusterroles", "Request"),
        (SOMEBODY, "get", "/metrics", "Metadata"),
    ],
)
def test_what_else_is_recorded(
    who: tuple[str, str], verb: str, what: str, expected: str, rules: list[dict[str, Any]]
) -> None:
    assert level(rules, who, verb, what) == expected
