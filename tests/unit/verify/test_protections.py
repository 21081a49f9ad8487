"""Protections that are taken away name checks that exist: a misspelt one would prove nothing."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from infra.paths import REPOSITORY
from infra.verify import LIVE, plugin
from tests.live.protections.test_protections import PROTECTIONS, Protection


class Listener:
    """Remembers id and area of every check that pytest finds."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.found = {plugin.identity(item) for item in session.items}


@pytest.fixture(scope="module")
def checks() -> set[tuple[str, str]]:
    """Every check of `lab verify`; none of them is run."""
    listener = Listener()
    arguments = ["--collect-only", "-qq", "-p", "no:cacheprovider", "-p", "no:cov"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.setenv("LAB_STACK", "local")
        assert pytest.main([*arguments, str(LIVE)], plugins=[plugin, listener]) == 0
    assert listener.found
    return listener.found


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda found: found.id)
def test_every_pattern_means_a_check(protection: Protection, checks: set[tuple[str, str]]) -> None:
    ids, areas = {id_ for id_, _ in checks}, {area for _, area in checks}

    def known(pattern: str) -> bool:
        return any(fnmatchcase(id_, pattern.replace("[", "[[]")) for id_ in ids)

    lost = [p for p in protection.only if p not in areas and not known(p) and not known(f"{p}[*")]
    lost += [p for p in (*protection.named, *protection.also) if not known(p)]
    assert not lost, f"no check of `lab verify` has these ids: {lost}"


def test_a_misspelt_pattern_is_found(checks: set[tuple[str, str]]) -> None:
    assert not any(fnmatchcase(id_, "vault.audit.enabeld") for id_, _ in checks)
    assert any(fnmatchcase(id_, "vault.audit.enabled") for id_, _ in checks)
