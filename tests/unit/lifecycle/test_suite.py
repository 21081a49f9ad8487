from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra import lifecycle, suite, toolchain, verify
from infra.engine import process
from infra.errors import VerificationFailed
from infra.suite import Suite, Totals
from infra.verify import Check, Report

JUNIT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was run, and how each program answers."""
    world: dict[str, Any] = {"ran": [], "codes": {}, "junit": (10, 0, 0, 1)}
    world |= {"missing": [], "checks": [], "tested": []}

    def note(words: Sequence[str]) -> int:
        name = Path(words[0]).name
        key = f"lab {words[1]}" if name == "lab" else name
        world["ran"].append(key)
        if "pytest" in words:
            world["tested"] = [word for word in words if word.startswith("tests/")]
        if "--junitxml" in words and world["junit"]:
            Path(words[words.index("--junitxml") + 1]).write_text(JUNIT.format(*world["junit"]))
        return int(world["codes"].get(key, 0))

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, note(words), f"{Path(words[0]).name} said\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(process, "attend", lambda words, **_: note(words))
    monkeypatch.setattr(lifecycle, "is_up", lambda _: False)
    monkeypatch.setattr(toolchain, "missing", lambda: world["missing"])
    monkeypatch.setattr(toolchain, "binary", lambda name: Path("/tools") / name)
    found = Report((Check("a", "vault", "passed", ""), Check("b", "hosts", "skipped", "no dm")))

    def checks(stack: str, *, tests: Path, markers: str) -> Report:
        world["checks"].append((tests.name, markers))
        return found

    monkeypatch.setattr(verify, "run", checks)
    return world


def run(
    *, offline: bool = True, live: bool = True, faults: bool = False
) -> tuple[Totals, list[str]]:
    lines: list[str] = []
    return Suite("local", lines.append, faults).run(offline=offline, live=live), lines


def test_everything_passes(commands: dict[str, Any]) -> None:
    totals, _ = run()
    assert totals.ok
    assert set(commands["ran"]) >= {"ruff", "mypy", "lint-imports", "ansible-lint", "python"}
    assert commands["ran"][-3:] == ["lab up", "lab toolchain", "lab destroy"]
    assert commands["ran"].index("lab toolchain") < commands["ran"].index("python")
    assert "tests/integration" in commands["tested"]
    assert commands["checks"] == [
        ("live", ""),
        ("judges", ""),
        ("sandbox_service", ""),
        ("attacks", ""),
        ("protections", ""),
        ("lifecycle", "not slow"),
    ]
    # Five linters, nine of ten tests, one check in each live part.
    assert (totals.passed, totals.failed, totals.skipped) == (20, 0, 7)
    assert totals.closing_line(1.5).strip("= ") == "20 passed, 7 skipped in 1.50s"


def test_faults_are_tried_when_asked_for(commands: dict[str, Any]) -> None:
    run(offline=False, faults=True)
    assert commands["checks"][-1] == ("lifecycle", "")


def test_without_tools_the_integration_tests_are_left_out(commands: dict[str, Any]) -> None:
    commands["missing"] = ["vault"]
    _, lines = run(live=False)
    assert "tests/integration" not in commands["tested"]
    assert any("left out" in line for line in lines)
    assert "lab toolchain" not in commands["ran"]


def test_a_lab_that_is_up_is_used_and_kept(
    commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "is_up", lambda _: True)
    totals, _ = run(offline=False)
    assert totals.ok
    assert commands["ran"] == []
    assert commands["checks"] == [("live", "")]


@pytest.mark.parametrize(
    "part", ["ruff", "mypy", "lint-imports", "ansible-lint", "lab up", "lab toolchain"]
)
def test_each_part_can_fail_the_whole(
    part: str, commands: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    commands["codes"][part] = 1
    totals, _ = run()
    assert not totals.ok
    assert "failed" in totals.closing_line(1)
    if not part.startswith("lab"):
        assert f"{part} said" in capsys.readouterr().out


def test_a_lab_that_does_not_go_away_fails_the_whole(commands: dict[str, Any]) -> None:
    commands["codes"]["lab destroy"] = 4
    assert run()[0].parts["destroy"] == "failed"


def test_failed_tests(commands: dict[str, Any]) -> None:
    commands["junit"] = (10, 1, 1, 0)
    commands["codes"]["python"] = 1
    totals, _ = run(live=False)
    assert (totals.passed, totals.failed) == (5 + 8, 2)


def test_too_little_coverage_fails(commands: dict[str, Any]) -> None:
    commands["codes"]["python"] = 1
    totals, _ = run(live=False)
    assert totals.parts["unit"] == "failed"


def test_tests_that_never_ran_fail(commands: dict[str, Any]) -> None:
    commands["junit"] = None
    commands["codes"]["python"] = 4
    assert run(live=False)[0].parts["unit"] == "failed"


def test_live_faults(commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (
        Check("a", "vault", "passed", ""),
        Check("b", "vault", "failed", "audit is off"),
        Check("c", "vault", "skipped", ""),
    )
    monkeypatch.setattr(verify, "run", lambda *_, **__: Report(checks))
    monkeypatch.setattr(lifecycle, "is_up", lambda _: True)
    totals, lines = run(offline=False)
    assert (totals.passed, totals.failed, totals.skipped) == (1, 2, 0)
    assert "  failed vault/b: audit is off" in lines


def test_live_checks_that_break(commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Report:
        raise VerificationFailed("pytest broke.", next_step="look.")

    monkeypatch.setattr(verify, "run", broken)
    totals, lines = run(offline=False)
    assert not totals.ok
    assert any("LAB-801" in line for line in lines)
    assert commands["ran"][-1] == "lab destroy"


def test_nothing_passed_is_not_ok() -> None:
    assert not Totals().ok


def test_no_junit_file(tmp_path: Path) -> None:
    assert suite.count_junit(tmp_path / "none") == (0, 0, 0)


def test_the_long_proofs_run_alone(commands: dict[str, Any]) -> None:
    totals = Suite("local", lambda _: None).run_long()
    assert totals.ok
    assert commands["ran"] == ["lab toolchain", "python"]
    assert commands["tested"] == ["tests/long"]
    assert totals.parts == {"toolchain": "passed", "long": "passed"}


def test_without_its_programs_no_long_proof_is_tried(commands: dict[str, Any]) -> None:
    commands["codes"]["lab toolchain"] = 1
    totals = Suite("local", lambda _: None).run_long()
    assert not totals.ok
    assert "python" not in commands["ran"]


def test_nothing_else_runs_the_long_proofs(commands: dict[str, Any]) -> None:
    run(faults=True)
    assert not any("long" in folder for folder in commands["tested"])
