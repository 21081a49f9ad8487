from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from infra.secrets.objects.parameters import Parameters, equivalent, in_terms_of, undeclared


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("15m", 900),
        ("1h30m", 5400),
        ("30d", 2592000),
        ("900", 900),
        (900, 900.0),
        ("", 0),
        (None, 0),
        ("a,b", ["b", "a"]),
        (["a"], ["a"]),
        ("", []),
        (None, []),
        (None, ""),
        ({}, None),
        (True, True),
        ("true", True),
        ("-----BEGIN\n", "-----BEGIN"),
        (["10.71.0.10/32"], ["10.71.0.10"]),
        ({"sub": "x", "n": 1}, {"n": 1, "sub": "x"}),
        ([{"a": True}], [{"a": "true"}]),
    ],
)
def test_the_same_in_other_words(asked: Any, answered: Any) -> None:
    assert equivalent(asked, answered)
    assert equivalent(answered, asked)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("15m", 901),
        ("forever", 900),
        ("1.2.3", 1),
        (["a"], ["a", "b"]),
        ("a,b", ["a"]),
        (True, False),
        (None, False),
        ("x", "y"),
        ("10.71.0.0/24", "10.71.0.0"),
        ({"sub": "x"}, {"sub": "y"}),
        ({"sub": "x"}, {"sub": "x", "aud": "y"}),
        ({"sub": "x"}, None),
    ],
)
def test_not_the_same(asked: Any, answered: Any) -> None:
    assert not equivalent(asked, answered)
    assert not equivalent(answered, asked)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**9) | st.text("abc,:/ "),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(_VALUES)
def test_everything_is_equivalent_to_itself(value: Any) -> None:
    assert equivalent(value, value)


@given(
    st.dictionaries(st.sampled_from("abcd"), _VALUES),
    st.dictionaries(st.sampled_from("abcd"), _VALUES),
)
def test_without_a_change_there_is_no_drift(declared: Any, defaults: Any) -> None:
    live = {**defaults, **declared}
    assert in_terms_of(declared, live, undeclared(declared, live)) == declared
    assert in_terms_of(declared, live, None) == declared


def test_a_changed_declared_setting_shows_as_it_is() -> None:
    assert in_terms_of({"ttl": "1h", "a": "b"}, {"ttl": 60, "a": "b"}, {}) == {"ttl": 60, "a": "b"}


def test_a_declared_setting_that_vault_does_not_have_is_left_out() -> None:
    assert in_terms_of({"misspelt": 1}, {"other": 2}, None) == {}


@pytest.mark.parametrize("baseline", [{"ttl": 0}, {"ttl": 0, "cidrs": []}])
def test_a_setting_that_nobody_declared_shows_once_it_strays(baseline: dict[str, Any]) -> None:
    live = {"a": 1, "ttl": 0, "cidrs": ["1.2.3.4"]}
    assert in_terms_of({"a": 1}, live, baseline) == {"a": 1, "cidrs": ["1.2.3.4"]}


@pytest.mark.parametrize("name", ["oidc_client_secret", "api_token", "credentials", "secret"])
def test_a_secret_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} takes a secret"):
        TypeAdapter(Parameters).validate_python({name: "x", "a": 1})
