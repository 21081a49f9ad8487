r"""Inside an expression of a role, Ansible writes `\n` as two letters and not as the end of a line.

Only a double-quoted scalar of YAML makes one of it, before the expression is read. A file that was
to have two lines has one then, and nothing fails: core dumps stayed unlimited that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.hosts.playbooks import ROOT

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def letters(document: Any) -> Iterator[str]:
    r"""Expressions with a backslash and an n in them."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from letters(part)
    elif isinstance(document, str):
        yield from (found for found in _EXPRESSION.findall(document) if "\\n" in found)


@pytest.mark.parametrize(
    "file",
    sorted(file.relative_to(ROOT) for file in ROOT.glob("roles/*/*/*.yml")),
    ids=str,
)
def test_lines_end_where_they_should(file: Path) -> None:
    found = list(letters(yaml.safe_load((ROOT / file).read_text())))
    assert not found, f"{file}: use a template, or double quotes around the whole: {found}"


def test_seeded_letters_are_found() -> None:
    folded = "x: >-\n  {{ [{'content': 'one\\ntwo'}] }}\n"
    quoted = "x: \"{{ lines | join('\\n') }}\\n\"\n"
    script = "x: |\n  printf 'one\\n'\n"
    assert list(letters(yaml.safe_load(folded)))
    assert not list(letters(yaml.safe_load(quoted)))
    assert not list(letters(yaml.safe_load(script)))
