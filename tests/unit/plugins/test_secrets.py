from __future__ import annotations

from infra.plugins.secrets import mark, scrub, secret_texts
from infra.plugins.values import Secret


def test_marks_what_was_secret_in_the_inputs() -> None:
    inputs = {
        "password": Secret("a"),
        "nested": {"key": Secret("b"), "plain": 1},
        "list": ["x", Secret("y")],
        "absent": Secret("z"),
    }
    outputs = {
        "password": "a",
        "nested": {"key": "b", "plain": 1},
        "list": ["x", "y"],
        "other": "o",
    }
    assert mark(outputs, inputs) == {
        "password": Secret("a"),
        "nested": {"key": Secret("b"), "plain": 1},
        "list": Secret(["x", "y"]),
        "other": "o",
    }


def test_marks_only_once() -> None:
    assert mark({"a": Secret("x")}, {"a": Secret("x")}) == {"a": Secret("x")}


def test_scrubs_every_secret_and_the_longest_first() -> None:
    secrets = secret_texts({"a": Secret("pass"), "b": [Secret({"c": ["password1"]})], "d": "open"})
    assert secrets == {"pass", "password1"}
    assert scrub("password1 and pass are open", secrets) == "[secret] and [secret] are open"


def test_short_secrets_would_blank_out_everything() -> None:
    assert secret_texts({"a": Secret("on"), "b": Secret(12345)}) == frozenset()
