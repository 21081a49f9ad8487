from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.paths import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([\w./-]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text())
    broken = [link for link in links if not (page.parent / link).exists()]
    assert broken == []


def test_every_decision_is_listed() -> None:
    folder = REPOSITORY / "docs" / "adr"
    index = (folder / "README.md").read_text()
    assert [page.name for page in folder.glob("0*.md") if f"({page.name})" not in index] == []


def test_the_runbook_knows_every_command_it_names() -> None:
    from infra.cli.main import app

    known = {command.name for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    for page in PAGES:
        named = set(re.findall(r"`\./lab ([a-z]+)", page.read_text()))
        assert named <= known, page
