from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.verify import plugin

CHECKS = """
import pytest

@pytest.mark.check(id="audit-on", area="vault")
def test_audit():
    pass

@pytest.mark.check(id="audit-off", area="vault")
def test_broken():
    assert 1 == 2, "audit device is gone"

@pytest.mark.check(id="tls", area="hosts")
@pytest.mark.parametrize("host", ["worker", "vault"])
def test_tls(host):
    pass

@pytest.mark.check(id="luks", area="hosts")
def test_luks():
    pytest.skip("the kernel has no dm_crypt")

@pytest.mark.check(id="lazy", area="hosts")
def test_lazy():
    pytest.skip()

@pytest.mark.check(id="later", area="hosts")
@pytest.mark.xfail(reason="known fault", strict=True)
def test_later():
    assert False

@pytest.fixture
def broken():
    raise RuntimeError("no machine")

@pytest.mark.check(id="setup", area="hosts")
def test_setup(broken):
    pass

@pytest.fixture
def leaky():
    yield
    raise RuntimeError("left something")

@pytest.mark.check(id="teardown", area="hosts")
def test_teardown(leaky):
    pass

def test_without_a_name():
    pass
"""


def run(tmp_path: Path, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    tests = tmp_path / "test_cluster.py"
    tests.write_text(CHECKS)
    report = tmp_path / "report.json"
    arguments = ["-c", "/dev/null", "--rootdir", str(tmp_path), "-q", "--import-mode=importlib"]
    for other in ("cacheprovider", "cov", "hypothesispytest"):
        arguments += ["-p", f"no:{other}"]
    arguments += [str(tests), "--lab-report", str(report), *options]
    code = pytest.main(arguments, plugins=[plugin])
    document = json.loads(report.read_text())
    checks = {entry["id"]: entry for entry in document["checks"]}
    return int(code), checks | {word: {} for word in document["unknown"]}


def test_every_outcome(tmp_path: Path) -> None:
    code, checks = run(tmp_path)
    assert code == 1
    outcomes = {id_: (entry["outcome"], entry["message"]) for id_, entry in checks.items()}
    assert outcomes["audit-on"] == ("passed", "")
    assert outcomes["audit-off"] == ("failed", "audit device is gone")
    assert outcomes["luks"] == ("skipped", "the kernel has no dm_crypt")
    assert outcomes["lazy"] == ("skipped", "")
    assert outcomes["later"] == ("skipped", "known fault")
    assert outcomes["setup"] == ("failed", "RuntimeError: no machine")
    assert outcomes["teardown"][0] == "failed"
    assert {"tls[worker]", "tls[vault]"} <= set(outcomes)
    assert checks["test_without_a_name"]["area"] == "cluster"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("vault", {"audit-on", "audit-off"}),
        ("tls", {"tls[worker]", "tls[vault]"}),
        ("tls?worker?", {"tls[worker]"}),
        ("tls[worker]", {"tls[worker]"}),
        ("audit-o*", {"audit-on", "audit-off"}),
    ],
)
def test_only(tmp_path: Path, pattern: str, expected: set[str]) -> None:
    assert set(run(tmp_path, "--lab-only", pattern)[1]) == expected


@pytest.mark.parametrize("beside", [(), ("--lab-only", "vault")])
def test_a_misspelt_pattern_runs_nothing(tmp_path: Path, beside: tuple[str, ...]) -> None:
    """Neither alone nor beside a good one: what it was meant for would pass unseen."""
    code, told = run(tmp_path, "--lab-only", "nosuch", *beside)
    assert (code, told) == (5, {"nosuch": {}})
