"""Every file under examples/ is a test: its name says what it is.

The first line of an invalid one says, as a regular expression, what the user must be told.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra import config, paths
from infra.errors import ConfigError

FOLDER = paths.REPOSITORY / "examples"


def files(kind: str) -> list[Any]:
    return [pytest.param(file, id=file.stem) for file in sorted((FOLDER / kind).glob("*.yaml"))]


@pytest.mark.parametrize("file", files("valid"))
def test_a_valid_example_is_a_lab_and_survives_a_round_trip(file: Path) -> None:
    lab = config.load_file(file)
    assert config.parse(json.loads(lab.model_dump_json()), source="again") == lab


@pytest.mark.parametrize("file", files("valid"))
def test_a_valid_example_takes_addresses_of_its_own(file: Path) -> None:
    """What the grounds say of themselves is what joins and separates them: none may be silent."""
    for name, site in config.load_file(file).sites.items():
        assert site.ranges, f"{name} takes no addresses"
        assert site.closed, f"{name} closes nothing to sandboxes"


@pytest.mark.parametrize("file", files("invalid"))
def test_an_invalid_example_is_refused_for_the_reason_it_shows(file: Path) -> None:
    expected = re.match(r"# expected: (.+)\n", file.read_text())
    assert expected, "the first line says what the user must be told"
    with pytest.raises(ConfigError, match=expected[1]) as caught:
        config.load_file(file)
    assert caught.value.message.startswith(f"{file.name}: ")


def test_there_are_examples_of_both_kinds() -> None:
    assert files("valid")
    assert files("invalid")


def test_nothing_else_lies_among_the_examples() -> None:
    found = {file.name for file in FOLDER.rglob("*") if file.is_file() and file.suffix != ".yaml"}
    assert found == {"README.md"}


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load_file(FOLDER / "valid" / "nosuch.yaml")
