from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from infra.benchmarks import labs
from infra.benchmarks.labs import Run
from infra.errors import BenchmarkInvalid


def up(changes: dict[str, int]) -> dict[str, Any]:
    machines = [{"memory_bytes": 2**30}, {"memory_bytes": 2**29}]
    return {"changes": changes, "phases": {"machines": 3.0}, "status": {"machines": machines}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    given: list[tuple[int, Any]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert words[2:] == ["--stack", "local", "--yes", "--json"]
        code, document = given.pop(0)
        return subprocess.CompletedProcess(words, code, json.dumps(document))

    monkeypatch.setattr(subprocess, "run", run)
    return given


def test_measure(answers: list[tuple[int, Any]]) -> None:
    answers += [(0, up({"create": 40})), (0, up({"same": 40})), (0, {})] * 2
    lines: list[str] = []
    runs = labs.measure("local", 2, lines.append)
    assert len(runs) == 2
    assert runs[0].memory == 2**30 + 2**29
    assert lines[0] == "run 1 of 2"


def test_a_second_up_that_changes_something_is_no_measure(answers: list[tuple[int, Any]]) -> None:
    answers += [(0, up({"create": 40})), (0, up({"same": 39, "update": 1}))]
    with pytest.raises(BenchmarkInvalid, match="changed 1 resources"):
        labs.measure("local", 1, print)


def test_a_failed_up_is_no_measure(answers: list[tuple[int, Any]]) -> None:
    answers += [(4, {})]
    with pytest.raises(BenchmarkInvalid, match="ended with 4"):
        labs.measure("local", 1, print)


def test_medians_and_limits() -> None:
    runs = [Run(up_, 10, 20, 2**31, {"machines": up_ / 2}) for up_ in (90.0, 100.0, 130.0)]
    document = labs.summary(runs)
    assert (document["up"], document["phases"]) == (100.0, {"machines": 50.0})
    assert document["within_limits"] is True
    assert "| up | 100.0 s | 120 s |" in labs.table(document)
    assert "| up: machines | 50.0 s | |" in labs.table(document)
    assert labs.summary([Run(121, 10, 20, 2**31, {})])["within_limits"] is False
    assert labs.summary([Run(100, 10, 20, 2**32, {})])["within_limits"] is False
