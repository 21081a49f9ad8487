from __future__ import annotations

from pathlib import Path

import pytest

from infra import verify
from infra.errors import BadUsage, VerificationFailed
from infra.verify import Check, Report, runner

GOOD = """
import os
import pytest

@pytest.mark.check(id="one", area="hosts")
def test_one():
    assert os.environ["LAB_STACK"] == "local"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "environment", lambda stack: {"LAB_STACK": stack})
    return tmp_path


def test_a_run(folder: Path) -> None:
    (folder / "test_one.py").write_text(GOOD)
    junit = folder / "junit.xml"
    report = verify.run("local", tests=folder, junit=junit)
    assert report.checks == (Check("one", "hosts", "passed", ""),)
    assert report.ok
    assert "testsuite" in junit.read_text()


def test_judges_are_asked_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the checks, which leave their folder out."""
    (folder / "test_one.py").write_text(GOOD)
    judges = folder / "judges"
    judges.mkdir()
    (judges / "test_judge.py").write_text(GOOD.replace('"one"', '"judge"'))
    ignore = "def pytest_ignore_collect(collection_path, config):\n"
    ignore += "    named = any(word.endswith('judges') for word in config.args)\n"
    ignore += "    return True if collection_path.name == 'judges' and not named else None\n"
    (folder / "conftest.py").write_text(ignore)
    monkeypatch.setattr(runner, "JUDGES", judges)
    assert [one.id for one in verify.run("local", tests=folder).checks] == ["one"]
    asked = verify.run("local", tests=folder, judges=True)
    assert sorted(one.id for one in asked.checks) == ["judge", "one"]


def test_nothing_matches(folder: Path) -> None:
    (folder / "test_one.py").write_text(GOOD)
    with pytest.raises(BadUsage, match="area or id nosuch"):
        verify.run("local", tests=folder, only=["one", "nosuch"])


def test_options_of_the_user_choose_no_checks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "test_one.py").write_text(GOOD)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing-of-this-name")
    assert verify.run("local", tests=folder).count("passed") == 1


def test_a_run_that_breaks(folder: Path) -> None:
    (folder / "test_one.py").write_text("import nosuchmodule\n")
    with pytest.raises(VerificationFailed, match="pytest ended with 2"):
        verify.run("local", tests=folder)


def test_no_checks_at_all(folder: Path) -> None:
    with pytest.raises(VerificationFailed, match="pytest ended with 5"):
        verify.run("local", tests=folder)


@pytest.mark.parametrize(
    ("checks", "ok"),
    [
        ([], False),
        ([("passed", "")], True),
        ([("passed", ""), ("failed", "bad")], False),
        ([("passed", ""), ("skipped", "no dm_crypt here")], True),
        ([("passed", ""), ("skipped", "")], False),
        ([("skipped", "no dm_crypt here")], False),
    ],
)
def test_when_a_report_is_good(checks: list[tuple[str, str]], ok: bool) -> None:
    report = Report(tuple(Check("id", "area", outcome, text) for outcome, text in checks))
    assert report.ok is ok
    assert report.as_dict()["passed"] == sum(outcome == "passed" for outcome, _ in checks)
