"""What compliance-trestle, an outside judge, says of the matrix as OSCAL."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from policies.controls import oscal
from policies.controls.code import existing
from policies.controls.matrix import make
from policies.controls.standing import Evidence, Outcome, Result
from tests.harness import judges

Documents = dict[str, dict[str, Any]]
#: Where trestle looks for documents of a kind.
_FOLDERS = {
    "catalog": "catalogs",
    "component-definition": "component-definitions",
    "assessment-results": "assessment-results",
}


@pytest.fixture(scope="module")
def documents() -> Documents:
    """With passes, a failure, and much that was not asked."""
    code = existing()
    checks = dict.fromkeys(code.checks, Result(Outcome.PASSED))
    checks["cluster.default-deny"] = Result(Outcome.FAILED, "none in sandbox-a")
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    return oscal.documents(make(code, Evidence(checks=checks), at))


def trestle(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(judges.environment("trestle") / "trestle"), *words, "--trestle-root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def judged(documents: Documents, root: Path) -> subprocess.CompletedProcess[str]:
    """What it says of all of them."""
    begun = trestle("init", "--local", root=root)
    assert begun.returncode == 0, begun.stderr
    for name, document in documents.items():
        (kind,) = document
        file = root / _FOLDERS[kind] / name.removesuffix(".json") / f"{kind}.json"
        file.parent.mkdir(parents=True)
        file.write_text(oscal.text(document))
    return trestle("validate", "--all", root=root)


def test_every_document_is_valid(documents: Documents, tmp_path: Path) -> None:
    answer = judged(documents, tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("VALID: ") == len(documents)
    told = (answer.stdout + answer.stderr).splitlines()
    # It does not see that a plan is referred to by an id of version 5.
    known = "are not referenced by model"
    assert [line for line in told if "WARNING" in line and known not in line] == []


def _same_id_twice(document: dict[str, Any]) -> None:
    first, second, *_ = document["assessment-results"]["results"]
    second["uuid"] = first["uuid"]


def _no_time(document: dict[str, Any]) -> None:
    del document["assessment-results"]["results"][0]["start"]


def _state_unknown(document: dict[str, Any]) -> None:
    finding = document["assessment-results"]["results"][0]["findings"][0]
    finding["target"]["status"]["state"] = "perhaps"


def _field_unknown(document: dict[str, Any]) -> None:
    document["assessment-results"]["verdict"] = "good"


@pytest.mark.parametrize("fault", [_same_id_twice, _no_time, _state_unknown, _field_unknown])
def test_a_fault_that_is_put_in_is_found(
    fault: Callable[[dict[str, Any]], None], documents: Documents, tmp_path: Path
) -> None:
    name = "assessment-results.json"
    changed = json.loads(json.dumps(documents[name]))
    fault(changed)
    assert judged({name: changed}, tmp_path).returncode != 0
