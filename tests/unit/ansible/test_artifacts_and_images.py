"""artifact_install and image_import: nothing gets onto a machine that is not what it should be."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ansible_library import artifact_install, image_import, system
from tests.unit.ansible.conftest import Programs


def artifact(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    source = tmp_path / "source"
    source.write_bytes(b"program")
    return {
        "name": "tool",
        "source": str(source),
        "sha256": hashlib.sha256(b"program").hexdigest(),
        "path": str(tmp_path / "bin" / "tool"),
        "mode": "0755",
        "links": [],
    } | changes


def test_installed_once(tmp_path: Path) -> None:
    wanted = artifact(tmp_path, links=["kubectl"])
    assert artifact_install.install(wanted)
    assert Path(wanted["path"]).read_bytes() == b"program"
    assert (tmp_path / "bin" / "kubectl").readlink() == Path("tool")
    assert not artifact_install.install(wanted)


def test_a_changed_program_is_put_right(tmp_path: Path) -> None:
    wanted = artifact(tmp_path)
    artifact_install.install(wanted)
    Path(wanted["path"]).write_bytes(b"tampered")
    assert artifact_install.install(wanted)
    assert Path(wanted["path"]).read_bytes() == b"program"


def test_a_changed_mode_is_put_right(tmp_path: Path) -> None:
    wanted = artifact(tmp_path)
    artifact_install.install(wanted)
    Path(wanted["path"]).chmod(0o777)
    assert artifact_install.install(wanted)
    assert Path(wanted["path"]).stat().st_mode & 0o7777 == 0o755


def test_a_wrong_digest_installs_nothing(tmp_path: Path) -> None:
    wanted = artifact(tmp_path, sha256="0" * 64)
    with pytest.raises(artifact_install.ArtifactError, match="has the digest"):
        artifact_install.install(wanted)
    assert list((tmp_path / "bin").iterdir()) == []


def test_a_missing_source_says_what_to_do(tmp_path: Path) -> None:
    wanted = artifact(tmp_path, source=str(tmp_path / "none"))
    with pytest.raises(artifact_install.ArtifactError, match="lab_artifacts_on_machine"):
        artifact_install.install(wanted)


def test_wanted_is_what_is_neither_installed_nor_here(tmp_path: Path) -> None:
    assert not artifact_install.wanted(artifact(tmp_path))
    assert artifact_install.wanted(artifact(tmp_path, source=str(tmp_path / "none")))


def archive(path: Path, manifest: Any) -> dict[str, str]:
    content = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.fixture(autouse=True)
def _locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_import, "_LOCKS", tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    return archive(tmp_path / "image.tar", [{"RepoTags": ["lab.local/a:1", "lab.local/b:1"]}])


def test_an_archive_is_imported_pinned_and_labelled(
    image: dict[str, str], programs: Programs
) -> None:
    programs.add("ctr")
    importer = image_import.Importer("/run/c.sock", background=False)
    assert importer.load(image) == ["lab.local/a:1", "lab.local/b:1"]
    assert f"--label=ai-lab.eu/archive={image['sha256']}" in programs.calls[-1]
    assert "--label=io.cri-containerd.pinned=pinned" in programs.calls[-1]


def test_what_is_there_is_not_imported(image: dict[str, str], programs: Programs) -> None:
    programs.add("ctr", "echo lab.local/a:1; echo lab.local/b:1")
    assert image_import.Importer("/run/c.sock", background=False).load(image) == []
    assert len(programs.calls) == 1


def test_one_missing_image_is_enough_to_import(image: dict[str, str], programs: Programs) -> None:
    programs.add("ctr", "echo lab.local/a:1")
    assert image_import.Importer("/run/c.sock", background=False).load(image)


def test_a_tampered_archive_is_refused(image: dict[str, str], programs: Programs) -> None:
    programs.add("ctr")
    importer = image_import.Importer("/run/c.sock", background=False)
    with pytest.raises(system.CommandError, match="does not have the digest"):
        importer.load(image | {"sha256": "0" * 64})


def test_in_the_background_systemd_imports_under_the_lock(
    image: dict[str, str], programs: Programs
) -> None:
    programs.add("ctr")
    programs.add("systemd-run")
    importer = image_import.Importer("/run/c.sock", background=True)
    assert importer.load(image) == ["lab.local/a:1", "lab.local/b:1"]
    lock = image_import.lock_file(image["sha256"])
    assert f"flock {lock} ctr" in programs.calls[-1]


@pytest.mark.parametrize("content", [b"", b"no tar"])
def test_no_archive_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(system.CommandError, match="no docker archive"):
        image_import.tags(path)


def test_an_archive_without_tags(tmp_path: Path) -> None:
    archive(tmp_path / "image.tar", [{}])
    with pytest.raises(system.CommandError, match="no docker archive"):
        image_import.tags(tmp_path / "image.tar")
