from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.plugins.diffing import changed_paths, compare, property_path
from infra.plugins.values import UNKNOWN

documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(documents)
def test_nothing_differs_from_itself(document: Any) -> None:
    assert changed_paths(document, document) == {}


@given(documents, documents)
def test_a_difference_is_seen_from_both_sides(one: Any, other: Any) -> None:
    there, back = changed_paths(one, other), changed_paths(other, one)
    assert there.keys() == back.keys()
    turned = {"add": "delete", "delete": "add", "update": "update"}
    assert {path: turned[kind] for path, kind in there.items()} == back


def test_spells_paths_as_pulumi_does() -> None:
    old = {"a": {"b": 1, "x.y/z": 1}, "list": [1, 2], "gone": 1}
    new = {"a": {"b": 2, "x.y/z": 2}, "list": [1, 3, 4], "new": None}
    assert compare(old, new) == {
        "a.b": "update",
        'a["x.y/z"]': "update",
        "list[1]": "update",
        "list[2]": "add",
        "gone": "delete",
        "new": "add",
    }


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("a", 0, "b"), "a[0].b"),
        (('say "x"',), '["say \\"x\\""]'),
        ((), ""),
    ],
)
def test_property_path(parts: tuple[str | int, ...], text: str) -> None:
    assert property_path(parts) == text


def test_numbers_compare_by_value_but_booleans_are_no_numbers() -> None:
    assert compare({"a": 1}, {"a": 1.0}) == {}
    assert compare({"a": 1}, {"a": True}) == {"a": "update"}
    assert compare({"a": {}}, {"a": []}) == {"a": "update"}


def test_an_unknown_value_counts_as_changed() -> None:
    assert compare({"a": UNKNOWN}, {"a": UNKNOWN}) == {"a": "update"}
