"""What the running kernel, and the machine's right to it, can do. Only looks, changes nothing."""

from __future__ import annotations

import gzip
import os
import socket
import struct
from pathlib import Path

_AUDIT_GET = 1000
_NETLINK_AUDIT = 9
_REQUEST_WITH_REPLY = 0x1 | 0x4
_HEADER = "=IHHII"


def features() -> dict[str, bool]:
    """Kernel features by name, as roles ask for them."""
    return {
        "owns_kernel": not in_container(),
        "audit": has_audit(),
        "dm_crypt": Path("/dev/mapper/control").exists() and has_module("dm_crypt", "DM_CRYPT"),
        "wireguard": has_module("wireguard", "WIREGUARD"),
        "bpf": has_option("BPF_SYSCALL") and has_option("CGROUP_BPF"),
        "cgroup_v2": Path("/sys/fs/cgroup/cgroup.controllers").exists(),
    }


def in_container() -> bool:
    """Whether another system owns the kernel (its clock, audit and global settings too)."""
    return Path("/run/systemd/container").exists()


def has_module(name: str, option: str) -> bool:
    """Whether a module is loaded, built in, or can be loaded."""
    if Path("/sys/module", name).is_dir():
        return True
    folder = Path("/lib/modules", os.uname().release)
    for index in ("modules.builtin", "modules.dep"):
        try:
            lines = (folder / index).read_text().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            if Path(line.split(":")[0]).name.split(".")[0].replace("-", "_") == name:
                return not in_container() or index == "modules.builtin"
    return configured(option) == "y"


def has_option(option: str) -> bool:
    """Whether a kernel option is on; a kernel that does not tell is given the benefit."""
    return configured(option) in {"y", "m", None}


def configured(option: str) -> str | None:
    """Value of a kernel option: "y", "m", "n", or None where the kernel does not tell."""
    text = _configuration()
    if text is None:
        return None
    for line in text.splitlines():
        if line.startswith(f"CONFIG_{option}="):
            return line.split("=", 1)[1]
    return "n"


def _configuration() -> str | None:
    packed = Path("/proc/config.gz")
    plain = Path(f"/boot/config-{os.uname().release}")
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    if plain.exists():
        return plain.read_text()
    return None


def has_audit() -> bool:
    """Whether the kernel's audit system answers us: it refuses containers."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_AUDIT) as link:
            link.settimeout(2)
            size = struct.calcsize(_HEADER)
            link.send(struct.pack(_HEADER, size, _AUDIT_GET, _REQUEST_WITH_REPLY, 1, 0))
            reply = link.recv(4096)
    except OSError:
        return False
    kind = struct.unpack_from("=H", reply, 4)[0]
    refused = kind == 2 and struct.unpack_from("=i", reply, size)[0] != 0
    return not refused
