from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from infra import paths
from infra.errors import ConfigError
from infra.toolchain import recipes
from tests.unit.toolchain.conftest import Site, catalogue_text


def test_the_repositorys_own_catalogue() -> None:
    found = recipes.load()
    for tool in found.tools.values():
        assert (tool.recipe / "go.mod").is_file(), tool.name
        assert (tool.recipe / "go.mod").read_text().startswith("module ai-lab.eu/")
    assert found.tools["kubernetes"].version == "1.36.3"
    assert found.tools["vault"].source is not None
    assert len(found.tools["vault"].source.edits) == 3


def test_packages_that_builds_need_are_among_the_hosts() -> None:
    lines = (recipes.root() / "debian-packages.txt").read_text().splitlines()
    installed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    needed = {package for tool in recipes.load().tools.values() for package in tool.debian}
    assert needed | {"mmdebstrap", "util-linux"} <= installed


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('go = "1.26.8"', 'go = "1.26.8"\nspeed = 1', "Extra inputs"),
        ('path = ["pulumi", "version"]', "sha = 1", "Extra inputs"),
        ('version = "1.2.3"', 'version = "latest"', "pattern"),
        ('runc = "example.org/runc"', 'ctr = "example.org/ctr"', "built by both"),
        ("[tools.vault]", "[tools.vault", "TOML"),
        ("[tools.runc]", "[tools.RUNC]", "pattern"),
        ('find = "old"', 'find = ""', "at least 1"),
    ],
)
def test_what_a_catalogue_may_not_say(old: str, new: str, complaint: str) -> None:
    text = catalogue_text()
    assert old in text
    with pytest.raises(ConfigError) as caught:
        recipes.parse(text.replace(old, new, 1))
    assert complaint in str(caught.value) or complaint == "TOML"


@pytest.mark.parametrize("text", ['go = "1.26.8"\ntools = 1', 'tools = { a = 1 }\ngo = "1.2.3"'])
def test_a_catalogue_of_the_wrong_shape(text: str) -> None:
    with pytest.raises(ConfigError):
        recipes.parse(text)


def test_arguments(site: Site) -> None:
    text = catalogue_text().replace(
        "[tools.runc]\n", '[tools.runc]\ntags = ["a", "b"]\nldflags = ["-X", "v={version}"]\n'
    )
    site.tools(text)
    found = recipes.load().tools
    assert found["runc"].arguments() == [
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        "-s -w -X v=1.2.3",
        "-tags",
        "a,b",
    ]
    assert "-mod=mod" in found["vault"].arguments()
    assert "-tags" not in found["pause"].arguments()


def _digest(site: Site, text: str | None = None, go: str = "1.26.8") -> str:
    site.tools(text or catalogue_text())
    return recipes.load().tools["runc"].digest(go)


def test_what_changes_a_digest(site: Site) -> None:
    first = _digest(site)
    assert first == _digest(site)
    assert first != _digest(site, go="1.26.9")
    assert first != _digest(
        site, catalogue_text().replace("[tools.runc]", '[tools.runc]\ntags = ["x"]')
    )
    (site.recipes / "runc" / "go.sum").write_text("other")
    assert first != _digest(site)


def test_what_does_not_change_a_digest(site: Site) -> None:
    first = _digest(site)
    (site.recipes / "runc" / "main_test.go").write_text("package main")
    packages = catalogue_text().replace(
        "[tools.runc]", '[tools.runc]\ndebian = ["gcc"]\npath = ["runc", "--version"]'
    )
    assert first == _digest(site, packages)


@pytest.mark.parametrize(
    "script",
    sorted((paths.REPOSITORY / "toolchain" / "images").rglob("*.sh")),
    ids=lambda p: p.name,
)
def test_scripts_of_images_are_correct_shell(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)
