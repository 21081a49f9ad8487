"""Preflight: each fault is seen, and only then; nothing is changed."""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ansible_library import kernel, preflight, preflight_checks, system
from tests.unit.ansible.conftest import Programs


def checks(faults: Iterator[Any]) -> list[str]:
    found = list(faults)
    assert all(fault.message and fault.next_step for fault in found)
    return [fault.check for fault in found]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], None]:
    """Puts a file in place of one of the machine's."""
    real = Path

    def place(*parts: str) -> Path:
        path = real(*parts)
        inside = tmp_path / str(path).lstrip("/")
        return inside if path.is_absolute() and tmp_path not in path.parents else path

    for module in (kernel, preflight):
        monkeypatch.setattr(module, "Path", place)

    def write(path: str, content: str | bytes) -> None:
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def test_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_ID": "13"}
    )
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert checks(preflight.operating_system(["debian 12", "debian 13"])) == []
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert checks(preflight.operating_system(["debian 12"])) == ["operating-system", "architecture"]


def test_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "features", lambda: {"bpf": False, "audit": True})
    assert checks(preflight.kernel(["audit"], "3.0")) == []
    assert checks(preflight.kernel(["bpf"], "99.1")) == ["kernel-version", "kernel-bpf"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("6.18.44-fc", (6, 18)), ("5.10", (5, 10)), ("6.1-rc2", (6, 12)), ("6.x", (6, 0))],
)
def test_version(text: str, numbers: tuple[int, int]) -> None:
    assert preflight.version(text) == numbers


def test_memory(files: Callable[[str, str], None]) -> None:
    files("/proc/meminfo", "MemTotal:        2048000 kB\n")
    assert checks(preflight.memory(2000)) == []
    assert checks(preflight.memory(2001)) == ["memory"]


def test_disk(tmp_path: Path) -> None:
    assert checks(preflight.disk(str(tmp_path / "not" / "yet"), 1)) == []
    assert checks(preflight.disk(str(tmp_path), 1 << 40)) == ["disk"]


def test_commands() -> None:
    assert checks(preflight.commands(["sh", "no-such-command"])) == ["command"]


def test_a_port_taken_by_another_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        program = Path("/proc/self/comm").read_text().strip()
        assert checks(preflight.ports([port], [])) == ["port"]
        assert checks(preflight.ports([port], [program])) == []
    assert checks(preflight.ports([port], [])) == []


def test_address() -> None:
    assert checks(preflight.address("127.0.0.1")) == []
    assert checks(preflight.address("192.0.2.1")) == ["address"]


@pytest.mark.parametrize(
    ("connection", "faults"),
    [
        ("10.71.0.1 40000 10.71.0.12 22", []),
        ("192.0.2.7 40000 10.71.0.12 22", ["administration"]),
        ("", []),
    ],
)
def test_nobody_locks_himself_out(
    monkeypatch: pytest.MonkeyPatch, connection: str, faults: list[str]
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    assert checks(preflight.administration(["198.51.100.0/24", "10.71.0.1"])) == faults


def test_host_name() -> None:
    assert checks(preflight.host_name(socket.gethostname())) == []
    assert checks(preflight.host_name("another")) == ["host-name"]


def test_swap(files: Callable[[str, str], None]) -> None:
    files("/proc/swaps", "Filename Type\n/swapfile file\n")
    assert checks(preflight.swap(True)) == ["swap"]
    assert checks(preflight.swap(False)) == []


def test_name_servers(files: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks(preflight.name_servers()) == []
    files("/etc/resolv.conf", "# c\nsearch x\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    monkeypatch.setattr(preflight, "answers_dns", lambda server: server.endswith(".1"))
    assert checks(preflight.name_servers()) == ["name-server"]


def test_a_name_server_is_asked() -> None:
    assert not preflight.answers_dns("127.0.0.1", timeout=0.2)
    assert not preflight.answers_dns("::1", timeout=0.2)


def test_peers(programs: Programs) -> None:
    programs.add("ping", 'case "$*" in *192.0.2.9) exit 1;; esac')
    assert checks(preflight.peers(["192.0.2.8"])) == []
    assert checks(preflight.peers(["192.0.2.8", "192.0.2.9"])) == ["reachability"]
    assert checks(preflight.peers([])) == []


@pytest.mark.parametrize(
    ("own", "ntp", "active", "faults"),
    [
        (True, "yes", "inactive", []),
        (True, "no", "active", []),
        (True, "no", "inactive", ["time"]),
        (False, "no", "inactive", []),
    ],
)
def test_clock(
    monkeypatch: pytest.MonkeyPatch, own: bool, ntp: str, active: str, faults: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/timedatectl")
    monkeypatch.setattr(preflight, "attempt", _saying({"timedatectl": ntp, "systemctl": active}))
    assert checks(preflight.clock(own)) == faults


def _saying(words: dict[str, str]) -> Callable[..., Any]:
    return lambda command, timeout: system.Result(0, words[command[0]], "")


def test_identity(files: Callable[[str, str], None]) -> None:
    files("/etc/machine-id", "abc\n")
    found = preflight.identity()
    assert (found["machine_id"], found["product_uuid"]) == ("abc", "")
    assert float(found["time"]) > 0


def test_all_faults_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {
        "systems": ["plan9 4"], "kernel_version": "1.0", "kernel_features": [],
        "memory_mib": 1 << 30, "disk_mib": 1, "disk_folder": "/", "commands": ["no-such-command"],
        "ports": [], "programs": [], "address": "192.0.2.1", "administration": ["0.0.0.0/0"],
        "name": "another", "peers": [],
    }  # fmt: skip
    monkeypatch.setattr(preflight, "name_servers", lambda: iter(()))
    found = checks(preflight_checks.look(params, own_kernel=False))
    assert {"operating-system", "memory", "command", "address", "host-name"} <= set(found)


def test_a_module_that_is_loaded(files: Callable[[str, str], None]) -> None:
    files("/sys/module/dm_crypt/version", "")
    assert kernel.has_module("dm_crypt", "DM_CRYPT")
    assert not kernel.has_module("wireguard", "WIREGUARD")


@pytest.mark.parametrize(
    ("index", "container", "has"),
    [
        ("modules.dep", False, True),
        ("modules.dep", True, False),
        ("modules.builtin", True, True),
    ],
)
def test_a_module_that_can_be_loaded(
    files: Callable[[str, str], None], index: str, container: bool, has: bool
) -> None:
    files(f"/lib/modules/{os.uname().release}/{index}", "kernel/md/dm-crypt.ko.xz: a\nkernel/b.ko:")
    if container:
        files("/run/systemd/container", "systemd-nspawn")
    assert kernel.has_module("dm_crypt", "DM_CRYPT") is has


def test_options_of_the_kernel(files: Callable[[str, str | bytes], None]) -> None:
    assert kernel.configured("BPF_SYSCALL") is None
    assert kernel.has_option("BPF_SYSCALL")
    files(f"/boot/config-{os.uname().release}", "CONFIG_BPF_SYSCALL=y\n")
    assert kernel.configured("BPF_SYSCALL") == "y"
    files("/proc/config.gz", gzip.compress(b"CONFIG_AUDIT=y\n"))
    assert kernel.configured("BPF_SYSCALL") == "n"
    assert not kernel.has_option("BPF_SYSCALL")


def test_features_are_all_told() -> None:
    assert set(kernel.features()) == {
        "owns_kernel", "audit", "dm_crypt", "wireguard", "bpf", "cgroup_v2",
    }  # fmt: skip


class _Link:
    """The kernel's audit socket."""

    def __init__(self, reply: bytes | OSError) -> None:
        self._reply = reply

    def __enter__(self) -> _Link:
        return self

    def __exit__(self, *_: object) -> None: ...
    def settimeout(self, _: float) -> None: ...
    def send(self, _: bytes) -> None: ...
    def recv(self, _: int) -> bytes:
        if isinstance(self._reply, OSError):
            raise self._reply
        return self._reply


@pytest.mark.parametrize(
    ("reply", "has"),
    [
        (b"\0\0\0\0\xe8\x03" + b"\0" * 14, True),  # AUDIT_GET's own answer
        (b"\0\0\0\0\x02\0" + b"\0" * 10 + b"\0\0\0\0", True),  # an acknowledgement
        (b"\0\0\0\0\x02\0" + b"\0" * 10 + b"\x91\xff\xff\xff", False),  # refused
        (OSError("no such protocol"), False),
    ],
)
def test_audit(monkeypatch: pytest.MonkeyPatch, reply: bytes | OSError, has: bool) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: _Link(reply))
    assert kernel.has_audit() is has
