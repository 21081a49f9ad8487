from __future__ import annotations

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from infra.marks import OUTPUT_SIGNATURE, SIGNATURE_KEY, UNKNOWN_TEXTS
from infra.plugins.values import (
    UNKNOWN,
    Secret,
    Tagged,
    contains_secret,
    contains_unknown,
    from_struct,
    from_value,
    strip_secrets,
    to_struct,
    to_value,
)

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.just(UNKNOWN),
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.builds(Secret, inner),
        st.builds(
            Tagged,
            st.sampled_from(["c44067f5952c0a294b673a41bacd8c17", "any other mark"]),
            st.dictionaries(st.sampled_from(["text", "path", "hash"]), inner, max_size=2),
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_what_goes_over_the_wire_comes_back(properties: dict[str, object]) -> None:
    sent = to_struct(properties).SerializeToString()
    assert from_struct(struct_pb2.Struct.FromString(sent)) == properties


@given(values)
def test_stripped_values_hold_no_secret(value: object) -> None:
    stripped = strip_secrets({"value": value})
    assert not isinstance(stripped["value"], Secret)
    if not contains_secret({"value": value}):
        assert stripped == strip_secrets(stripped)


def test_whole_numbers_are_integers_and_huge_ones_stay_floats() -> None:
    assert type(from_value(to_value(3.0))) is int
    assert type(from_value(to_value(2.0**60))) is float
    assert from_value(to_value(True)) is True


@pytest.mark.parametrize("text", sorted(UNKNOWN_TEXTS))
def test_every_spelling_of_unknown_is_unknown(text: str) -> None:
    assert from_value(struct_pb2.Value(string_value=text)) is UNKNOWN
    assert repr(UNKNOWN) == "UNKNOWN"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, UNKNOWN),
        ({"value": 1}, 1),
        ({"value": "x", "secret": True}, Secret("x")),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_output_values_are_unwrapped(fields: dict[str, object], expected: object) -> None:
    struct = struct_pb2.Struct()
    json_format.ParseDict({"p": {SIGNATURE_KEY: OUTPUT_SIGNATURE, **fields}}, struct)
    assert from_struct(struct) == {"p": expected}


def test_a_secret_is_not_printed() -> None:
    assert "geheim" not in repr(Secret("geheim"))


def test_finds_what_is_nested() -> None:
    assert contains_unknown({"a": [{"b": Secret(UNKNOWN)}]})
    assert contains_unknown(Tagged("mark", {"a": UNKNOWN}))
    assert not contains_unknown({"a": [1, None, "x"]})


def test_refuses_what_pulumi_cannot_carry() -> None:
    with pytest.raises(TypeError, match="a set is not a value"):
        to_struct({"a": {1}})
    with pytest.raises(ValueError, match="not a number"):
        to_value(float("nan"))
