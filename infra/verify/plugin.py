"""A pytest plugin that reports checks: `@pytest.mark.check(id="vault-audit", area="vault")`.

Loaded by `infra.verify.runner` with `-p`; works in a plain `pytest tests/live` as well.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

#: What pytest calls a skip whose author gave no reason.
NO_REASONS = frozenset({"", "unconditional skip"})
_KEY = pytest.StashKey[tuple[str, str]]()
_UNKNOWN = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --lab-report FILE and --lab-only PATTERN."""
    group = parser.getgroup("lab")
    group.addoption("--lab-report", type=Path, help="write the outcome of every check there (JSON)")
    group.addoption(
        "--lab-only", action="append", default=[], help="an area, or a pattern of check ids"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers what collects the outcomes."""
    config.addinivalue_line("markers", "check(id, area): names a live check")
    config.stash[_UNKNOWN] = []
    config.pluginmanager.register(_Collector(config.getoption("--lab-report")), "lab-collector")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Gives every test its check id and drops those that were not asked for.

    Nothing is run if one of the patterns means no check: a misspelt one would pass by itself.
    """
    patterns: list[str] = config.getoption("--lab-only")
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    unknown = set(patterns)
    for item in items:
        item.stash[_KEY] = identity(item)
        meant = {pattern for pattern in patterns if _means(pattern, *item.stash[_KEY])}
        unknown -= meant
        (kept if meant or not patterns else dropped).append(item)
    if unknown:
        config.stash[_UNKNOWN] = sorted(unknown)
        kept, dropped = [], list(items)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def _means(pattern: str, id_: str, area: str) -> bool:
    """Whether a pattern is the area of a check, its id, or that of all its cases. `*` stands for
    anything, brackets for themselves: ids of cases have them.
    """
    literal = pattern.replace("[", "[[]")
    return pattern == area or any(fnmatchcase(id_, p) for p in (literal, f"{literal}[[]*"))


def identity(item: pytest.Item) -> tuple[str, str]:
    """Id and area of a test's check; each case of a parametrised one has an id of its own."""
    marker = item.get_closest_marker("check")
    given = marker.kwargs if marker else {}
    id_ = str(given.get("id") or item.nodeid.rsplit("::", 1)[-1].split("[")[0])
    area = str(given.get("area") or item.path.stem.removeprefix("test_"))
    callspec = getattr(item, "callspec", None)
    return (f"{id_}[{callspec.id}]" if callspec else id_), area


class _Collector:
    """Remembers one outcome a check: the first that is not a pass, else passed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._checks: dict[str, dict[str, str]] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):  # type: ignore[no-untyped-def] # pluggy's generator
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        id_, area = item.stash[_KEY]
        known = self._checks.get(item.nodeid)
        if known is not None and known["outcome"] != "passed":
            return
        if report.when == "call" or not report.passed:
            self._checks[item.nodeid] = {
                "id": id_,
                "area": area,
                "outcome": report.outcome,
                "message": message(report),
            }

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._file is not None:
            # What was asked for and means no check, and what was checked.
            unknown = session.config.stash[_UNKNOWN]
            document = {"unknown": unknown, "checks": list(self._checks.values())}
            self._file.write_text(json.dumps(document, indent=2))


def message(report: pytest.TestReport) -> str:
    """Why a check failed or was skipped, in one line; empty for a pass."""
    if report.passed:
        return ""
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return str(expected).removeprefix("reason: ")
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ").removeprefix("Skipped")
        return "" if reason in NO_REASONS else reason
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    # A check says what is wrong in its own words; what pytest adds is for its author.
    sentence = text.partition("\nassert ")[0].removeprefix("AssertionError: ")
    return " ".join(sentence.split())[:500]
