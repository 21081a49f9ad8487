"""What the auditor is told of its lab."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.auditor import told
from infra.auditor.told import Told
from infra.errors import ConfigError
from policies.admission import Settings
from policies.rule import Level

LAB = Told("1.36.3", Settings(("registry.example.org/lab",)), {"limits-set": Level.MANDATORY}, 300)


def test_it_is_understood_as_it_was_written() -> None:
    assert told.parse(LAB.document) == LAB
    assert told.parse(Told("1.36.3").document) == Told("1.36.3")


def test_the_same_lab_gives_the_same_text() -> None:
    levels = {"a": Level.ADVISORY, "b": Level.DISABLED}
    turned = dict(reversed(levels.items()))
    assert Told("1.36.3", levels=levels).document == Told("1.36.3", levels=turned).document


def without(key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(LAB.document)
    del found[key]
    return found


def changed(**given: Any) -> dict[str, Any]:
    return {**json.loads(LAB.document), **given}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is not JSON"),
        ([], "its keys must be"),
        (without("levels"), "its keys must be"),
        (changed(more=1), "its keys must be"),
        (changed(interval_seconds=0), "at least 1"),
        (changed(interval_seconds=True), "at least 1"),
        (changed(interval_seconds="600"), "at least 1"),
        (changed(kubernetes_version=""), "must be a version"),
        (changed(registries="lab.local"), "must be a list"),
        (changed(registries=[""]), "must be a list"),
        (changed(levels=[]), "must be a map"),
        (changed(levels={"limits-set": "never"}), "'never' is not a valid Level"),
    ],
)
def test_anything_else_is_refused(content: Any, why: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(ConfigError, match=why):
        told.parse(text)
