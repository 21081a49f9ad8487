"""Held to an implementation of RFC 8785 that is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.evidence import canonical

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-canonical.LARGEST, canonical.LARGEST),
    st.text(st.characters(exclude_categories=["Cs"])),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_it_is_what_the_rfc_says_and_reads_back(value: Any) -> None:
    written = canonical.dumps(value)
    assert written == rfc8785.dumps(value)
    assert json.loads(written) == value
    assert canonical.dumps(json.loads(written)) == written


@settings(deadline=None)
@given(st.dictionaries(NAMES, PLAIN, min_size=2), st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical.dumps(dict(items)) == canonical.dumps(value)


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def test_the_deepest_that_is_allowed() -> None:
    assert canonical.dumps(deep(canonical.DEEPEST))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1.5]}, r"\$\.a\[0\] is a float"),
        ({"a": float("nan")}, "float"),
        (2**53, "beyond"),
        (-(2**53), "beyond"),
        ({1: 2}, "name"),
        ({"": 2}, "name"),
        ({"ü": 2}, "name"),
        ({"\ue000": 1, "\U00010000": 2}, "name"),
        (b"bytes", "bytes"),
        ({"a": object()}, "object"),
        ("\ud800", "surrogate"),
        (deep(canonical.DEEPEST + 1), "nested too deep"),
    ],
)
def test_what_has_no_form_of_its_own(value: Any, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        canonical.dumps(value)
