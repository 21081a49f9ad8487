"""What a cluster has so that sandboxes can be asked for, as data."""

from __future__ import annotations

from typing import Any

import pytest

from infra import config, naming
from infra.config import LocalLab
from infra.sandbox import roles, service, transfer_definition
from infra.sandbox.definition import definition
from tests.live.support import rbac

SERVICE: dict[str, Any] = {
    "requesters": {"users": ["alice"], "groups": ["testers"]},
    "approvers": {"groups": ["approvers"]},
    "profiles": {"small": {}, "large": {}},
    "longest_life": "24h",
}
ROLES = {one["metadata"]["name"]: one["rules"] for one in roles.roles()}
PEOPLE = (naming.REQUESTER_ROLE, naming.APPROVER_ROLE, naming.OFFICER_ROLE)
GROUP = "ai-lab.eu"


def lab(**changes: Any) -> LocalLab:
    document = config.load("local").model_dump(mode="json", exclude={"sandbox_service"})
    found = config.parse({**document, **changes}, source="test")
    assert isinstance(found, LocalLab)
    return found


def bindings(manifests: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    return {
        one["roleRef"]["name"]: [(who["kind"], who["name"]) for who in one["subjects"]]
        for one in manifests
        if one["kind"] == "ClusterRoleBinding"
    }


def spec_of(manifest: dict[str, Any]) -> dict[str, Any]:
    schema = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = schema["properties"]["spec"]["properties"]
    return found


def test_without_the_service_nobody_is_given_a_right() -> None:
    for found in (service.extensions(), service.extensions(lab())):
        assert bindings(found) == {}
        assert found[:2] == [definition(), transfer_definition.definition()]
        assert {one["metadata"]["name"] for one in found[2:]} == set(ROLES)


def test_with_the_service_people_and_the_operator_have_their_roles() -> None:
    officers = {"users": ["olga"]}
    found = service.extensions(lab(sandbox_service={**SERVICE, "security_officers": officers}))
    assert bindings(found) == {
        naming.REQUESTER_ROLE: [("User", "alice"), ("Group", "testers")],
        naming.APPROVER_ROLE: [("Group", "approvers")],
        naming.OFFICER_ROLE: [("User", "olga")],
        naming.OPERATOR_ROLE: [("ServiceAccount", naming.OPERATOR)],
    }
    without = bindings(service.extensions(lab(sandbox_service=SERVICE)))
    assert naming.OFFICER_ROLE not in without


def test_what_can_be_asked_for_is_what_the_configuration_says() -> None:
    found = spec_of(service.extensions(lab(sandbox_service=SERVICE))[0])
    assert found["profile"]["enum"] == ["large", "small"]
    assert found["classification"]["enum"] == ["public", "internal"]
    assert "duration('24h')" in str(found["ttl"])
    assert "duration('24h')" in str(found["renewals"])
    assert "enum" not in spec_of(definition())["profile"]


def test_which_files_may_be_is_what_the_configuration_says() -> None:
    airlock = {"files": 3, "largest": "2Ki", "total": "4Ki", "types": ["text/csv"]}
    found = spec_of(service.extensions(lab(sandbox_service={**SERVICE, "airlock": airlock}))[1])
    files = found["files"]
    assert files["maxItems"] == 3
    assert files["items"]["properties"]["size"]["maximum"] == 2048
    assert files["items"]["properties"]["type"]["enum"] == ["text/csv"]
    assert "<= 4096" in str(files["x-kubernetes-validations"])
    without = spec_of(transfer_definition.definition())["files"]
    assert "enum" not in without["items"]["properties"]["type"]


@pytest.mark.parametrize("name", ROLES)
def test_no_role_has_a_wildcard_or_a_way_to_more_rights(name: str) -> None:
    assert rbac.wildcards(ROLES[name]) == []
    verbs = {verb for rule in ROLES[name] for verb in rule["verbs"]}
    assert not verbs & {"escalate", "impersonate"}
    for rule in ROLES[name]:
        if "bind" in rule["verbs"] or "serviceaccounts/token" in rule["resources"]:
            assert rule["resourceNames"], "only what is named"


@pytest.mark.parametrize("name", PEOPLE)
def test_people_have_rights_on_sandboxes_alone(name: str) -> None:
    assert {group for rule in ROLES[name] for group in rule["apiGroups"]} == {GROUP}


def test_nobody_replaces_a_sandbox_and_only_its_role_approves_or_suspends() -> None:
    rights = {name: rbac.rule_set(rules) for name, rules in ROLES.items()}
    for name, found in rights.items():
        assert (GROUP, "sandboxes", "update") not in found, name
        assert (GROUP, "transfers", "update") not in found, name
    for resource, role in (
        ("approval", naming.APPROVER_ROLE),
        ("suspension", naming.OFFICER_ROLE),
        ("status", naming.OPERATOR_ROLE),
    ):
        having = {
            name
            for name, rules in rights.items()
            if (GROUP, f"sandboxes/{resource}", "update") in rules
        }
        assert having == {role}
    reviews = {
        name for name, rules in rights.items() if (GROUP, "transfers/approval", "update") in rules
    }
    assert reviews == {naming.APPROVER_ROLE}
    asks = {name for name, rules in rights.items() if (GROUP, "transfers", "create") in rules}
    assert asks == {naming.PRINCIPAL_ROLE}


def test_the_operator_asks_for_nothing_and_reads_nobodys_content() -> None:
    rights = rbac.rule_set(ROLES[naming.OPERATOR_ROLE])
    assert (GROUP, "sandboxes", "create") not in rights
    content = {"secrets", "configmaps", "pods/exec", "pods/log", "serviceaccounts/token"}
    assert not content & {resource for _, resource, _ in rights}
    for kind in ("clusterroles", "clusterrolebindings", "roles"):
        verbs = {verb for _, resource, verb in rights if resource == kind}
        assert verbs <= {"bind", "list"}, kind
