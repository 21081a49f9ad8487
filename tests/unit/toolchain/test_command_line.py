from __future__ import annotations

import json
from typing import Any

import pytest

from infra import toolchain
from infra.cli import main
from tests.unit.toolchain.conftest import Recorder, Site


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main.run(["toolchain", *words, "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["list", "build", "verify", "export", "prune", "push"])
def test_every_command_has_a_page_of_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["toolchain", command, "--help"]) == 0
    page = capsys.readouterr().out
    assert f"./lab toolchain {command}" in page
    assert len(page.splitlines()) <= 60


def test_build_and_list(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    status, document = run(capsys, "list")
    assert status == 0
    assert {entry["found"] for entry in document} == {"to build"}
    status, document = run(capsys, "build", "runc")
    assert (status, [entry["name"] for entry in document]) == (0, ["runc"])
    assert document[0]["found"] == "cache"
    assert document[0]["bytes"] > 0
    count = site.builds()
    assert run(capsys, "build", "runc", "--again")[0] == 0
    assert site.builds() == count + 1
    assert main.run(["toolchain", "list", "runc", "pause"]) == 0
    assert "to build" in capsys.readouterr().out


def test_all_includes_the_root_of_the_machines(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = run(capsys, "build")
    assert (status, len(document)) == (0, 20)
    assert document[-1]["name"] == "machine-base"
    assert toolchain.machine_archive().read_text() == "root file system\n"


def test_verify(site: Site, progress: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    status, document = run(capsys, "verify", "runc")
    assert status == 1
    assert "not there" in document[0]["fault"]
    toolchain.ensure(["runc", "pause"], progress=progress)
    assert run(capsys, "verify", "runc", "--rebuild")[0] == 0
    site.flag("random")
    status, document = run(capsys, "verify", "runc", "--rebuild")
    assert status == 1
    assert document[0]["fault"] == "another build differs: runc"
    toolchain.binary("runc").write_bytes(b"x" * toolchain.binary("runc").stat().st_size)
    assert main.run(["toolchain", "verify", "runc", "pause", "--rebuild"]) == 1
    assert "LAB-304" in capsys.readouterr().out


def test_export(site: Site, progress: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    toolchain.ensure(progress=progress)
    status, document = run(capsys, "export", str(site.root / "mirror"))
    assert status == 0
    assert "image-cilium" in document["products"]
    assert main.run(["toolchain", "export", str(site.root / "mirror")]) == 0
    assert "20 products" in capsys.readouterr().out


def test_prune(site: Site, progress: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    toolchain.ensure(["runc", "pause"], progress=progress)
    assert run(capsys, "prune") == (0, {"dry_run": False, "removed": [], "bytes": 0})
    old = toolchain.binary("runc").parent
    (site.recipes / "runc" / "go.mod").write_text("module example.org/changed\n")
    image = site.root / "cache" / "images" / "base-of-another-recipe"
    image.mkdir(parents=True)
    for words in (["prune", "--dry-run"], ["prune"]):
        status, document = run(capsys, *words)
        assert status == 0
        assert [entry["folder"] for entry in document["removed"]] == [str(old), str(image)]
        assert document["bytes"] > 0
        assert old.exists() is image.exists() is ("--dry-run" in words)
    assert toolchain.binary("pause").is_file()
    assert main.run(["toolchain", "prune"]) == 0
    assert "0 MiB removed" in capsys.readouterr().out


def test_what_a_lab_uses_is_not_pruned(
    site: Site, progress: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its programs are links into the cache, and its machines lie over a base image."""
    site.monkeypatch.setenv("LAB_HOME", str(site.root / "home"))
    toolchain.ensure(["vault", "runc"], progress=progress)
    links, image = site.root / "home/one/bin", site.root / "cache/images/base-of-old"
    links.mkdir(parents=True)
    (links / "vault").symlink_to(toolchain.binary("vault"))
    image.mkdir(parents=True)
    base = site.root / "home/one/machines/one-worker/base"
    base.parent.mkdir(parents=True)
    base.symlink_to(image)
    for tool in ("vault", "runc"):
        (site.recipes / tool / "go.mod").write_text("module example.org/changed\n")
    _, document = run(capsys, "prune")
    assert [entry["folder"].rsplit("/", 1)[1][:5] for entry in document["removed"]] == ["runc-"]
    assert image.is_dir()


def test_push(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pushed(address: str, names: list[str] | None, *, progress: object) -> list[str]:
        return [f"{address}/{name}:1" for name in names or ["pause"]]

    monkeypatch.setattr(toolchain, "push", pushed)
    chosen = run(capsys, "push", "r.example", "image-ai-lab")
    assert chosen == (0, {"images": ["r.example/image-ai-lab:1"]})
    assert run(capsys, "push", "r.example") == (0, {"images": ["r.example/pause:1"]})
    assert main.run(["toolchain", "push", "r.example"]) == 0
    assert capsys.readouterr().out == "r.example/pause:1\n"


def test_an_unknown_tool(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    status, document = run(capsys, "build", "nosuch")
    assert status == 1
    assert document["error"]["code"] == "LAB-301"
