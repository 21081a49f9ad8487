"""`lab init`: what it asks, writes and refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from infra import config, paths, starter
from infra.cli import main

LOCAL = ["init", "--ground", "local", "--name", "trial", "--yes"]


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the examples and no configuration."""
    shutil.copytree(paths.REPOSITORY / "examples", tmp_path / "examples")
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    return tmp_path


def written(checkout: Path) -> list[str]:
    return sorted(file.name for file in (checkout / "stacks" / "config").glob("*"))


def test_it_writes_a_lab_that_is_read_again(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*LOCAL, "--machines", "10.81.0.0/24", "--set", "machines=[]"]) == 2
    told = capsys.readouterr().err
    assert "LAB-101" in told
    assert not written(checkout)

    assert main.run([*LOCAL, "--pods", "10.82.0.0/16"]) == 0
    shown = capsys.readouterr().out
    assert "Wrote stacks/config/Pulumi.trial.yaml." in shown
    assert "./lab preview --stack trial" in shown
    assert "docs/runbooks/local.md" in shown
    lab = config.load_local("trial")
    assert (lab.name, str(lab.network.pods)) == ("trial", "10.82.0.0/16")
    assert written(checkout) == ["Pulumi.trial.yaml"]
    assert config.stack_file("trial").stat().st_mode & 0o777 == 0o644


def test_what_is_the_examples_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*LOCAL, "--json", "--pods", "10.82.0.0/16"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"]
    assert "network.machines" in told["kept_from_example"]
    assert not {"network.pods", "name", "ground"} & set(told["kept_from_example"])
    assert told["lab"]["network"]["pods"] == "10.82.0.0/16"
    assert any("lab preview --stack trial" in step for step in told["next_steps"])


def test_a_file_is_never_lost_unasked(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(LOCAL) == 0
    config.stack_file("trial").write_text("mine")
    assert main.run(LOCAL) == 2
    assert "LAB-105" in capsys.readouterr().err
    assert config.stack_file("trial").read_text() == "mine"
    assert main.run([*LOCAL, "--force"]) == 0
    assert config.load("trial").name == "trial"
    assert main.run([*LOCAL, "--stack", "second"]) == 0
    assert written(checkout) == ["Pulumi.second.yaml", "Pulumi.trial.yaml"]


def test_a_dry_run_prints_the_file_and_writes_none(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*LOCAL, "--dry-run"]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert document["config"]["ai-lab:lab"]["name"] == "trial"
    assert not written(checkout)


def test_sandboxes_and_any_other_key_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    box = "{name: audit, principal: an-auditor, purpose: tests a model}"
    words = ["--sandbox", box, "--set", "machines.0.address=10.71.0.20"]
    assert main.run([*LOCAL, *words]) == 0
    lab = config.load_local("trial")
    assert [sandbox.name for sandbox in lab.sandboxes] == ["audit"]
    assert str(lab.machines[0].address) == "10.71.0.20"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--ground", "moon"], "'moon' is no ground"),
        (["--owner", "a@example.org"], "--owner: not for the ground local"),
        (["--stack", "../x"], "cannot be the name of a stack"),
        (["--set", "nothing"], "no PATH=VALUE"),
        (["--set", "machines.9.name=x"], "no place for machines.9.name"),
        (["--set", "name.x=1"], "no place for name.x"),
        (["--set", "a=[1"], "not YAML"),
        (["--sandbox", "word"], "no mapping"),
        (["--set", "colour=red"], "colour: Extra inputs"),
        (["--name", "Capital"], "name: "),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    checkout: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main.run([*LOCAL, *words]) == 2
    assert told in capsys.readouterr().err
    assert not written(checkout)


ACCOUNTS = {
    "aws": ["--account", "210987654321"],
    "azure": [
        "--tenant-id",
        "55555555-5555-4555-8555-555555555555",
        "--subscription-id",
        "66666666-6666-4666-8666-666666666666",
    ],
}


@pytest.mark.parametrize("ground", sorted(ACCOUNTS))
def test_a_lab_in_a_cloud(ground: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["init", "--ground", ground, "--name", "trial", "--yes", "--json"]
    words += ["--owner", "me@institution.example", "--cost-center", "X-1"]
    words += ["--engineers", "10.210.0.0/24", *ACCOUNTS[ground]]
    words += ["--set", "eks.administrators=['arn:aws:iam::210987654321:role/x']"] * (
        ground == "aws"
    )
    assert main.run(words) == 0
    told = json.loads(capsys.readouterr().out)
    lab = config.load("trial")
    assert lab.ground == ground
    assert told["lab"]["owner"] == "me@institution.example"
    assert "10.210.0.0/24" in json.dumps(told["lab"])
    assert "vault_machines.ssh_public_key" in told["kept_from_example"]
    assert "owner" not in told["kept_from_example"]


def test_nobody_to_ask_and_no_sensible_default(capsys: pytest.CaptureFixture[str]) -> None:
    for ground in ("aws", "azure"):
        assert main.run(["init", "--ground", ground, "--yes"]) == 2
        told = capsys.readouterr().err
        assert "--owner" in told
        assert "needed" in told


def test_on_a_terminal_every_question_has_the_examples_value_as_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}

    def prompt(text: str, *, default: Any = None, err: bool) -> str:
        asked[text] = default
        return "asked" if text == "Name of the lab" else str(default)

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert main.run(["init"]) == 0
    assert config.load("asked").ground == "local"
    assert asked["Address range of the pods"] == "10.72.0.0/16"
    assert len(asked) == 1 + len(starter.questions("local"))


def test_answers_of_a_terminal_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account is no number, although it looks like one."""
    said = {
        "AWS account": "123456789012",
        "Name of the lab": "asked",
        "Cost centre that pays": "7_7",
    }

    def prompt(text: str, *, default: Any = None, err: bool) -> str:
        return said.get(text) or str(default or "me@institution.example")

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert main.run(["init", "--ground", "aws"]) == 0
    lab = config.load("asked")
    assert isinstance(lab, config.AwsLab)
    assert (lab.account, lab.cost_center) == ("123456789012", "7_7")


@pytest.mark.parametrize("ground", sorted(starter.EXAMPLES))
def test_every_question_is_about_something_in_the_example(ground: str) -> None:
    known = list(starter.leaves(starter.example(ground)))
    for question in starter.questions(ground):
        assert question.path in known
