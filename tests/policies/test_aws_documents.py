"""IAM policies as texts and as maps, and what their statements say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.clouds import is_narrow, must_be_own_key, must_have_tags, must_hold_no_secret
from policies.documents import Statement, statements, with_statement
from policies.properties import (
    Must,
    Properties,
    must_be,
    must_be_between,
    must_contain,
    only_if,
)
from policies.relations import Resource, Stack
from policies.values import UNKNOWN, Secret, Undecided

READS = {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:some"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [READS]}


@pytest.mark.parametrize(
    "document",
    [DOCUMENT, json.dumps(DOCUMENT), Secret(json.dumps(DOCUMENT)), {"Statement": READS}],
)
def test_a_policy_in_every_form(document: Any) -> None:
    (found,) = statements({"policy": document}, "policy")
    assert (found.label, found.allows) == ("Read", True)
    assert (found.actions, found.resources) == (["s3:GetObject"], ["arn:some"])
    assert (found.inverted, found.principals("AWS"), found.is_for_everybody) == ([], [], False)


@pytest.mark.parametrize("properties", [{}, {"policy": None}, {"policy": ""}, {"policy": {}}])
def test_no_policy_has_no_statement(properties: dict[str, Any]) -> None:
    assert list(statements(properties, "policy")) == []


@pytest.mark.parametrize(
    "document", [UNKNOWN, {"Statement": UNKNOWN}, {"Statement": [UNKNOWN]}, "no JSON"]
)
def test_a_policy_that_is_not_known_is_not_decided(document: Any) -> None:
    with pytest.raises(Undecided):
        list(statements({"policy": document}, "policy"))


def test_what_is_known_is_told_before_what_is_not() -> None:
    unknown = READS | {"Resource": [UNKNOWN]}
    found = statements({"policy": {"Statement": [unknown, READS]}}, "policy")
    assert next(found).resources == ["arn:some"]
    with pytest.raises(Undecided, match=r"policy\.Resource"):
        next(found)


@pytest.mark.parametrize(
    ("principal", "everybody"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ["arn:aws:iam::123456789012:root", "*"]}, True),
        ({"Federated": "*"}, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"Service": "ec2.amazonaws.com"}, False),
    ],
)
def test_everybody(principal: Any, everybody: bool) -> None:
    assert Statement({"Principal": principal}).is_for_everybody is everybody


@pytest.mark.parametrize(
    ("condition", "who", "on_behalf"),
    [
        ({}, False, False),
        ({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, True, True),
        ({"StringEquals": {"AWS:PrincipalOrgID": ["o-1", "o-2"]}}, True, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::some"}}, False, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}, False, False),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}}, False, False),
        ({"Null": {"aws:PrincipalAccount": "false"}}, False, False),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, False, False),
        ({"StringLike": {"aws:PrincipalArn": ["arn:some", "*"]}}, False, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False, False),
    ],
)
def test_conditions_that_bind(condition: Any, who: bool, on_behalf: bool) -> None:
    statement = Statement({"Condition": condition})
    assert (statement.says_who, statement.says_on_whose_behalf) == (who, on_behalf)


@pytest.mark.parametrize("document", [DOCUMENT, json.dumps(DOCUMENT), None])
def test_a_statement_is_added_in_the_same_form(document: Any) -> None:
    properties = {"policy": document}
    with_statement("policy", Effect="Deny")(properties)
    *before, added = statements(properties, "policy")
    assert len(before) == (document is not None)
    assert added.raw["Effect"] == "Deny"
    assert isinstance(properties["policy"], str) is isinstance(document, str)


@pytest.mark.parametrize(
    ("range_", "narrow"),
    [
        ("10.0.0.0/8", True),
        ("10.1.2.0/24", True),
        ("172.16.0.0/12", True),
        ("100.64.0.0/10", True),
        ("192.0.2.10/32", True),
        ("192.0.2.10", True),
        ("fd00::/8", True),
        ("2001:db8::1/128", True),
        ("0.0.0.0/0", False),
        ("172.0.0.0/8", False),
        ("192.0.2.0/31", False),
        ("::/0", False),
        ("2a00::/12", False),
        ("Internet", False),
        (None, False),
    ],
)
def test_narrow_ranges(range_: Any, narrow: bool) -> None:
    assert is_narrow(range_) is narrow


def faults(must: Must, properties: dict[str, Any]) -> list[str]:
    return list(must.faults(properties))


@pytest.mark.parametrize(
    ("must", "good", "bad"),
    [
        (must_be_between("a", 1, 3), 2, 4),
        (must_be_between("a", 1, 3), 1, None),
        (must_contain("a", "x", "y"), ["y", "z", "x"], ["x"]),
        (must_contain("a", "x"), ["x"], "x"),
        (must_be_own_key("a"), "arn:aws:kms:eu-west-3:123456789012:key/some", "alias/aws/s3"),
        (must_have_tags("a", "owner"), {"owner": "us", "more": ""}, {"owner": ""}),
        (must_hold_no_secret("a"), "#cloud-config", "token: hvs.CAESIJ"),
        (must_hold_no_secret("a"), None, "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_what_must_be(must: Must, good: Any, bad: Any) -> None:
    assert faults(must, {"a": good}) == []
    assert faults(must, {"a": bad})
    for mutant in must.broken:
        assert faults(must, {"a": mutant}), mutant


def test_a_part_that_is_not_known_is_not_decided() -> None:
    for must in (must_contain("a", "x"), must_have_tags("a", "owner")):
        for unknown in (UNKNOWN, ["x", UNKNOWN], {"owner": UNKNOWN}):
            with pytest.raises(Undecided):
                faults(must, {"a": unknown})


def test_only_if() -> None:
    must = only_if("kind", "open", then=must_be("locked", True))
    assert faults(must, {"kind": "open", "locked": False})
    assert faults(must, {"kind": "shut", "locked": False}) == []
    with pytest.raises(Undecided):
        faults(must, {"kind": UNKNOWN, "locked": False})


def test_a_forbidden_type_is_always_denied() -> None:
    check = Properties({"some:type:One": ()}, forbidden={"some:type:Other": {"a": 1}})
    assert check.types == ("some:type:One", "some:type:Other")
    assert list(check.faults("some:type:One", {})) == []
    assert list(check.faults("some:type:Other", {})) == ["there must be no Other"]


def test_parts_name_their_whole_by_dependency_or_by_name() -> None:
    whole = Resource("w", "whole", "urn:w", {"name": "store"})
    other = Resource("w", "other", "urn:o", {"name": UNKNOWN})
    by_link = Resource("p", "1", "urn:1", {"of": UNKNOWN}, property_dependencies={"of": ["urn:w"]})
    by_name = Resource("p", "2", "urn:2", {"of": "store"})
    stack = Stack([whole, other, by_link, by_name, Resource("p", "3", "urn:3", {"of": UNKNOWN})])
    assert stack.parts(whole, "of", "name", "p") == [by_link, by_name]
    assert stack.parts(other, "of", "name", "p") == []
