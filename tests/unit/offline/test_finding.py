from __future__ import annotations

from pathlib import Path

import pytest

from infra import offline
from infra.offline.finding import RECORDERS, STAND_INS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_every_stand_in_is_a_program_in_a_folder_of_its_own() -> None:
    ours = (*STAND_INS, *RECORDERS.values())
    for stand_in in ours:
        assert [file.name for file in stand_in.folder.iterdir()] == [stand_in.program]
        assert (stand_in.folder / stand_in.program).stat().st_mode & 0o111
    assert len({stand_in.folder for stand_in in ours}) == len(ours)


def test_both_are_needed_where_nothing_is(tmp_path: Path) -> None:
    assert offline.path_entries(str(tmp_path)) == [s.folder for s in STAND_INS]
    told = offline.notice(str(tmp_path))
    assert told is not None
    assert "language host (pulumi-language-python)" in told
    assert "Kubernetes provider (pulumi-resource-kubernetes)" in told


def test_our_own_folders_on_the_path_do_not_count_as_official(tmp_path: Path) -> None:
    search_path = ":".join(str(s.folder) for s in STAND_INS)
    assert len(offline.path_entries(search_path)) == 2


def test_the_official_one_on_the_path_wins(tmp_path: Path) -> None:
    program(tmp_path / "bin", "pulumi-language-python")
    found = offline.path_entries(str(tmp_path / "bin"))
    assert [folder.name for folder in found] == ["kubernetes"]


def test_the_official_one_beside_pulumi_wins(tmp_path: Path) -> None:
    real = program(tmp_path / "dist", "pulumi")
    program(tmp_path / "dist", "pulumi-language-python")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(real)
    found = offline.path_entries(str(tmp_path / "bin"))
    assert [folder.name for folder in found] == ["kubernetes"]


def test_an_installed_plugin_wins(tmp_path: Path, home: Path) -> None:
    (home / "plugins" / "resource-kubernetes-v4.34.2").mkdir(parents=True)
    (home / "plugins" / "language-python-v3.259.0").mkdir()
    (home / "plugins" / "resource-kubernetes-v4.34.2.lock").touch()
    assert offline.path_entries(str(tmp_path)) == []
    assert offline.notice(str(tmp_path)) is None


def test_what_stands_in_for_a_cloud_is_there_only_for_labs_on_it(tmp_path: Path) -> None:
    wanted = offline.path_entries(str(tmp_path), clouds=("aws",))
    assert [folder.name for folder in wanted] == ["language", "kubernetes", "aws"]
    assert offline.recorded(str(tmp_path), clouds=("aws",)) == ["aws"]
    told = offline.notice(str(tmp_path), clouds=("azure-native",))
    assert told is not None
    assert "Azure provider (pulumi-resource-azure-native)" in told
    assert "nothing can be deployed" in told
    assert "nothing can be deployed" not in (offline.notice(str(tmp_path)) or "")


def test_the_official_provider_of_a_cloud_wins(tmp_path: Path, home: Path) -> None:
    program(tmp_path / "bin", "pulumi-resource-aws")
    assert offline.recorded(str(tmp_path / "bin"), clouds=("aws", "azure-native")) == [
        "azure-native"
    ]
    (home / "plugins" / "resource-azure-native-v3.29.0").mkdir(parents=True)
    # Another provider whose name begins alike.
    (home / "plugins" / "resource-aws-native-v1.0.0").mkdir()
    assert offline.recorded(str(tmp_path), clouds=("aws", "azure-native")) == ["aws"]
