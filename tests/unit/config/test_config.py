"""Configurations as files whose names say what they are: each is a test.

The first line of an invalid one says, as a regular expression, what the user must be told.
"""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from infra import config, paths
from infra.errors import ConfigError, StackNotFound
from tests.harness.deploy import deploy

FOLDER = Path(__file__).parent


def files(kind: str) -> list[Any]:
    found = sorted((FOLDER / kind).glob("*.yaml"))
    return [pytest.param(file, id=file.stem) for file in found]


@pytest.mark.parametrize("file", files("valid"))
def test_a_valid_configuration_is_read_and_survives_a_round_trip(file: Path) -> None:
    lab = config.parse(yaml.safe_load(file.read_text()), source=file.name)
    assert config.parse(json.loads(lab.model_dump_json()), source="again") == lab


@pytest.mark.parametrize("file", files("invalid"))
def test_an_invalid_configuration_is_told_by_its_key(file: Path) -> None:
    text = file.read_text()
    expected = re.match(r"# expected: (.+)\n", text)
    assert expected, "the first line says what the user must be told"
    with pytest.raises(ConfigError, match=expected[1]) as caught:
        config.parse(yaml.safe_load(text), source=file.name)
    assert caught.value.message.startswith(f"{file.name}: ")
    assert "docs/reference/configuration.md" in caught.value.next_step


def test_every_fault_is_told_at_once() -> None:
    document = {"name": "Local", "ground": "local", "network": 1, "machines": [], "extra": 1}
    with pytest.raises(ConfigError) as caught:
        config.parse(document, source="here")
    for key in ("name: ", "network: ", "extra: "):
        assert key in caught.value.message


def test_derived_addresses() -> None:
    lab = config.load_local("local")
    assert lab.network.gateway == IPv4Address("10.71.0.1")
    assert lab.network.cluster_dns == IPv4Address("10.73.0.10")
    assert [machine.name for machine in lab.with_role("worker")] == ["worker"]


def test_a_stack_without_a_file_is_told_with_those_that_have_one() -> None:
    with pytest.raises(StackNotFound, match="'nowhere'") as caught:
        config.load("nowhere")
    assert "local" in caught.value.next_step
    assert "local" in config.stacks()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config: [", "is not YAML"),
        ("config: {}", "has no key config.ai-lab:lab"),
        ("- a list", "has no key config.ai-lab:lab"),
    ],
)
def test_a_file_that_holds_no_lab_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    file = config.stack_file("broken")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        config.load("broken")


def test_the_running_program_reads_the_same_lab() -> None:
    lab = config.load_local("local")
    found = []

    def program() -> None:
        found.append(config.from_pulumi())
        pulumi.export("name", found[0].name)

    deployment = deploy(program, config={"ai-lab:lab": lab.model_dump_json()})
    assert found == [lab]
    assert deployment.exports == {"name": "local"}
