"""What Ansible's own linter does not see in the roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.paths import REPOSITORY

ROLES = REPOSITORY / "ansible" / "roles"
FILES = sorted(
    file for folder in ("defaults", "tasks", "vars") for file in ROLES.glob(f"*/{folder}/*.yml")
)


def strings(value: Any) -> Iterator[str]:
    """Every string in a YAML document."""
    if isinstance(value, dict):
        for part in (*value.keys(), *value.values()):
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def literal_breaks(text: str) -> list[str]:
    """Strings with a backslash and an n where a line break is meant.

    Ansible hands Jinja's strings on as they are: only YAML, in double quotes, makes a break of it.
    """
    return [found for found in strings(yaml.safe_load(text)) if "\\n" in found]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(Path(file).relative_to(ROLES)))
def test_line_breaks_are_line_breaks(file: Path) -> None:
    assert literal_breaks(file.read_text()) == []


def test_a_break_that_is_none_is_found() -> None:
    wrong = "a: >-\n  {{ [{'content': '# one\\ntwo'}] }}\n"
    assert literal_breaks(wrong)
    assert not literal_breaks('a: "one\\ntwo"\n')
