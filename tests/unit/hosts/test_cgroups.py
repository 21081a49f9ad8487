"""Cgroups, against a folder that looks like /sys/fs/cgroup."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.errors import MachineFailed
from infra.hosts import cgroups


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    for controller in ("cpuset", "memory", "pids"):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / "cgroup.procs").write_text("")
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    (tmp_path / "cpu,cpuacct").symlink_to(tmp_path / "cpuset")
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "cgroup.procs").write_text("")
    return tmp_path


def test_every_legacy_hierarchy_is_one_and_links_are_left_out(legacy: Path) -> None:
    assert not cgroups.is_unified(legacy)
    assert [folder.name for folder in cgroups.hierarchies(legacy)] == ["cpuset", "memory", "pids"]


def test_the_unified_hierarchy_is_the_only_one(unified: Path) -> None:
    assert cgroups.is_unified(unified)
    assert cgroups.hierarchies(unified) == [unified]


def test_make_fills_the_cpuset_and_can_be_repeated(legacy: Path) -> None:
    own = legacy / "cpuset" / "lab.m1"
    own.mkdir()
    (own / "cpuset.cpus").write_text("\n")
    (own / "cpuset.mems").write_text("0\n")
    made = cgroups.make("m1", legacy)
    assert made == [legacy / name / "lab.m1" for name in ("cpuset", "memory", "pids")]
    assert (own / "cpuset.cpus").read_text() == "0-1\n"
    assert cgroups.make("m1", legacy) == made
    assert cgroups.machines(legacy) == {"m1"}


def test_processes_are_those_of_nested_cgroups_too(legacy: Path) -> None:
    nested = legacy / "memory" / "lab.m1" / "payload" / "system.slice"
    nested.mkdir(parents=True)
    (nested / "cgroup.procs").write_text("12\n13\n0\n")
    (legacy / "pids" / "lab.other").mkdir()
    (legacy / "pids" / "lab.other" / "cgroup.procs").write_text("99\n")
    assert cgroups.processes("m1", legacy) == {12, 13}


def test_kill_ends_a_real_process(legacy: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        folder = legacy / "memory" / "lab.m1"
        folder.mkdir()
        procs = folder / "cgroup.procs"
        procs.write_text(f"{process.pid}\n")

        def forget_the_dead(*_: object) -> set[int]:
            if process.poll() is not None:
                procs.write_text("")
            return set()

        # A real cgroup forgets its dead by itself; here the file is emptied on the second look.
        original = cgroups.processes
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cgroups, "processes", lambda *a: (forget_the_dead(), original(*a))[1])
            cgroups.kill("m1", timeout=5, mount=legacy)
        assert process.returncode == -9


def test_kill_says_which_processes_survive(legacy: Path) -> None:
    folder = legacy / "memory" / "lab.m1"
    folder.mkdir()
    (folder / "cgroup.procs").write_text("4194999\n")
    with pytest.raises(MachineFailed, match="4194999"):
        cgroups.kill("m1", timeout=0.1, mount=legacy)


def test_remove_takes_the_deepest_first(legacy: Path) -> None:
    (legacy / "pids" / "lab.m1" / "a" / "b").mkdir(parents=True)
    cgroups.remove("m1", mount=legacy)
    assert cgroups.machines(legacy) == set()


def test_remove_says_when_a_cgroup_stays(legacy: Path) -> None:
    folder = legacy / "pids" / "lab.m1"
    folder.mkdir()
    (folder / "a-file-keeps-it").write_text("")
    with pytest.raises(MachineFailed, match="cannot be removed"):
        cgroups.remove("m1", timeout=0.1, mount=legacy)


@pytest.mark.parametrize(
    ("layout", "usage", "names"),
    [
        ("legacy", "memory.usage_in_bytes", ("total_cache", "total_shmem", "total_mapped_file")),
        ("unified", "memory.current", ("file", "shmem", "file_mapped")),
    ],
)
def test_memory_leaves_out_cache_that_nobody_maps(
    layout: str, usage: str, names: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    mount: Path = request.getfixturevalue(layout)
    folder = (mount / "memory" if layout == "legacy" else mount) / "lab.m1"
    folder.mkdir()
    (folder / usage).write_text("1000\n")
    cache, shared, mapped = names
    (folder / "memory.stat").write_text(f"anon 5\n{cache} 500\n{shared} 60\n{mapped} 40\n")
    assert cgroups.memory_bytes("m1", mount) == 600


def test_a_cgroup_that_goes_away_while_we_look_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone" / "deeper").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    look = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("gone"):
            raise FileNotFoundError(path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert set(cgroups.below(tmp_path)) == {tmp_path, tmp_path / "here"}
