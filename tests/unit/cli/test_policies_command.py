from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from infra.cli.exit_codes import ExitCode
from policies import explain
from policies.controls.code import existing
from policies.registry import all_rules
from policies.rule import Place, Rule
from tests.unit.cli.conftest import document


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["policies", "list"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == len(all_rules())
    assert main.run(["policies", "list", "--json"]) == 0
    found = document(capsys)
    assert [one["id"] for one in found] == list(all_rules())
    keys = {"id", "title", "reason", "severity", "level", "controls", "places"}
    assert all(one.keys() == keys for one in found)
    assert all(one["places"] for one in found)


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.id)
def test_every_rule_can_be_explained(rule: Rule) -> None:
    told = explain.document(rule)
    assert told["places"].keys() == {str(place) for place in Place}
    assert all(one["how"] for one in told["places"].values())
    assert told["passes"]
    assert told["fails"]
    assert f'id="{rule.id}"' in told["code"]
    assert len(told["controls"]) == len(rule.controls)
    json.dumps(told)
    shown = explain.text(rule)
    assert rule.reason in shown
    assert told["file"] in shown


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["policies", "explain", "no-host-access"]) == 0
    shown = capsys.readouterr().out
    assert "hostNetwork: true" in shown
    assert "CIS-K8S-5.2.5: No container is on the network of its node." in shown
    assert main.run(["policies", "explain", "aws-volumes-encrypted", "--json"]) == 0
    told = document(capsys)
    assert told["places"]["admission"] == {
        "enforced": False,
        "how": "no: It is no object of Kubernetes: no API server is asked before it is made.",
    }
    assert "encrypted must be true" in told["passes"]["aws:ebs/volume:Volume"]
    ((type_, fields),) = told["fails"].items()
    assert type_ in told["passes"]
    assert fields


def test_an_unknown_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["policies", "explain", "no-hosts-access", "--json"]) != 0
    assert document(capsys)["error"]["code"] == "LAB-711"
    assert main.run(["policies", "explain", "no-hosts-access"]) != 0
    assert "no-host-access" in capsys.readouterr().err


def _matrix(tmp_path: Path, *words: str) -> dict[str, Any]:
    folder = tmp_path / "out"
    assert main.run(["policies", "matrix", "-o", str(folder), *words]) == 0
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def test_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _matrix(tmp_path, "--json")
    told = document(capsys)
    assert sorted(told["files"]) == sorted(str(tmp_path / "out" / name) for name in found)
    assert told["counts"]["satisfied"] == 0
    assert sum(told["counts"].values()) == 455
    assert {"controls.md", "controls.html", "oscal/assessment-results.json"} <= found.keys()
    assert _matrix(tmp_path) == found


def test_matrix_in_one_format(tmp_path: Path) -> None:
    assert _matrix(tmp_path, "--format", "html").keys() == {"controls.html"}


def test_matrix_with_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = [
        {"id": one, "area": "x", "outcome": "passed", "message": ""} for one in existing().checks
    ]
    (tmp_path / "verify.json").write_text(json.dumps({"checks": checks}))
    (tmp_path / "audit.json").write_text(
        json.dumps({"outcomes": dict.fromkeys(all_rules(), "passed")})
    )
    words = ["--verify", str(tmp_path / "verify.json"), "--audit", str(tmp_path / "audit.json")]
    found = _matrix(tmp_path, *words, "--at", "2026-11-21T12:00:00", "--json")
    told = document(capsys)
    assert told["at"] == "2026-11-21T12:00:00+00:00"
    assert told["counts"]["satisfied"] > 50
    assert "Results are of 2026-11-21T12:00:00+00:00." in found["controls.md"]
    # Otherwise as old as the files.
    _matrix(tmp_path, *words, "--json")
    assert document(capsys)["at"] > "2026-11-21T12:00:00"


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"checks": [{"id": "a"}]}'])
def test_results_that_are_none(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "verify.json"
    file.write_text(text)
    words = ["policies", "matrix", "-o", str(tmp_path), "--verify", str(file)]
    assert main.run(words) == ExitCode.BAD_INPUT
    assert "LAB-103" in capsys.readouterr().err
