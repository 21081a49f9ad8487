from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import preflight, toolchain
from infra.errors import (
    AddressTaken,
    AnotherLabUp,
    HostUnfit,
    LabError,
    MissingPackage,
    NoSpace,
    NotRoot,
    StackNotFound,
)
from infra.hosts import cleanup, network
from infra.paths import Home
from infra.toolchain import gobuild

Spoil = Callable[[pytest.MonkeyPatch], None]


def shown(stdout: str, returncode: int = 0) -> Callable[..., subprocess.CompletedProcess[str]]:
    return lambda *_, **__: subprocess.CompletedProcess([], returncode, stdout)


@pytest.fixture(autouse=True)
def fit_host(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    """A host on which nothing is wrong."""
    installed = "".join(f"installed {name}\n" for name in preflight.debian_packages())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", shown(installed))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    usage = shutil.disk_usage("/")._replace(free=500 * preflight.GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(preflight, "LAB_MEMORY", 0)
    monkeypatch.setattr(preflight, "INOTIFY_INSTANCES", 0)
    monkeypatch.setattr(toolchain, "missing", lambda: [], raising=False)
    monkeypatch.setattr(cleanup, "running_labs", set[str])
    monkeypatch.setattr(cleanup, "elsewhere", list[str])
    monkeypatch.setattr(network, "bridges", lambda _: [])
    monkeypatch.setattr(network, "taken", lambda *_, **__: [])


def findings() -> dict[str, preflight.Finding]:
    return {finding.check: finding for finding in preflight.examine("local")}


def test_a_fit_host() -> None:
    assert {f.outcome for f in findings().values()} == {"ok"}
    assert preflight.require("local") == []


def patched(target: Any, name: str, value: Any) -> Spoil:
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def odd_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", "/srv/my labs")


def too_little_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=preflight.GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def another_lab_by_its_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "bridges", lambda _: ["lab-local", "lab-other"])
    monkeypatch.setattr(network, "ports", lambda _: ["vb-other"])


def no_filesystem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "FILE_SYSTEMS", ("overlay", "nosuchfs"))
    monkeypatch.setattr(preflight, "_loadable", lambda _: False)


def old_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: ["vault", "etcd"])
    monkeypatch.setattr(gobuild, "go_version", lambda: "1.19.8")


def no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: ["vault"])
    monkeypatch.setattr(gobuild, "go_version", lambda: None)


FAULTS: list[tuple[str, Spoil, type[LabError], str]] = [
    ("root", patched(os, "geteuid", lambda: 1000), NotRoot, "root"),
    ("packages", patched(subprocess, "run", shown("installed gcc\n")), MissingPackage, "mmdeb"),
    ("packages", patched(shutil, "which", lambda _: None), HostUnfit, "Debian"),
    ("folders", odd_folder, HostUnfit, "my labs"),
    ("disk", too_little_disk, NoSpace, "GiB free"),
    ("memory", patched(preflight, "LAB_MEMORY", 2**60), NoSpace, "GiB of memory"),
    ("kernel", no_filesystem, HostUnfit, "nosuchfs"),
    ("go", old_go, HostUnfit, "there is Go 1.19.8"),
    ("go", no_go, HostUnfit, "there is no Go"),
    ("other labs", patched(cleanup, "running_labs", lambda: {"other"}), AnotherLabUp, "other"),
    ("other labs", patched(cleanup, "elsewhere", lambda: ["/x/root"]), AnotherLabUp, "/x/root"),
    ("other labs", another_lab_by_its_bridge, AnotherLabUp, "lab-other"),
    (
        "addresses",
        patched(network, "taken", lambda *_, **__: ["eth0 has it"]),
        AddressTaken,
        "eth0",
    ),
]


@pytest.mark.parametrize(("check", "spoil", "error", "text"), FAULTS)
def test_each_fault_is_one_error_with_a_next_step(
    check: str, spoil: Spoil, error: type[LabError], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    finding = findings()[check]
    assert isinstance(finding.error, error)
    assert text in finding.message
    assert finding.as_dict()["code"] == error.code
    assert finding.as_dict()["next_step"]
    with pytest.raises(error):
        preflight.require("local")


def test_a_wrong_configuration_is_a_fault_too() -> None:
    with pytest.raises(StackNotFound):
        preflight.require("nosuch")


@pytest.mark.parametrize("module", ["dm_crypt", "wireguard"])
def test_what_the_lab_can_do_without(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_loadable", lambda name: name != module)
    monkeypatch.setattr(preflight, "_LOADED", Path("/nonexistent"))
    (warning,) = preflight.require("local")
    assert warning.check == module
    assert "not applied" in warning.as_dict()["next_step"]


def test_few_inotify_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "INOTIFY_INSTANCES", 2**40)
    assert findings()["inotify"].outcome == "warning"


def test_a_lab_that_is_up_has_its_memory_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LAB_MEMORY", 2**60)
    monkeypatch.setattr(cleanup, "running_labs", lambda: {"local"})
    assert findings()["memory"].outcome == "ok"


def test_building_takes_more_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10 * preflight.GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(gobuild, "go_version", lambda: "1.26.1")
    assert findings()["disk"].outcome == "ok"
    monkeypatch.setattr(toolchain, "missing", lambda: ["vault"])
    assert findings()["disk"].outcome == "fault"
    assert findings()["go"].message == "Go 1.26.1 builds 1 tools"


def test_the_root_of_the_machines_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: ["machine-base"])
    monkeypatch.setattr(gobuild, "go_version", lambda: None)
    assert findings()["go"].outcome == "ok"


def test_a_lab_that_is_up_has_its_disk_already(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=2 * preflight.GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert findings()["disk"].outcome == "fault"
    monkeypatch.setattr(cleanup, "running_labs", lambda: {"local"})
    assert findings()["disk"].outcome == "ok"


def test_without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert preflight._loadable("overlay") is False
    assert "addresses" not in findings()
