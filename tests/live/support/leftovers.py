"""What of a lab is on this host, seen without the lab's own code: by /proc, /sys and files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def look(home: Path, bridge: str, machines: Sequence[str]) -> dict[str, list[str]]:
    """Everything that belongs to a lab, by kind."""
    return {
        "mounts": _mounts(home),
        "links": _links(bridge, machines),
        "cgroups": _cgroups(machines),
        "processes": _processes(home, machines),
        "files": _files(home, machines),
    }


def _mounts(home: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if str(home) in line]


def _links(bridge: str, machines: Sequence[str]) -> list[str]:
    # nspawn names its side of a machine's cable after the machine, cut to what fits.
    return [
        link.name
        for link in Path("/sys/class/net").iterdir()
        if link.name == bridge
        or (link.name.startswith("vb-") and any(m.startswith(link.name[3:]) for m in machines))
    ]


def _cgroups(machines: Sequence[str]) -> list[str]:
    return [
        folder
        for folder, _, _ in os.walk("/sys/fs/cgroup")
        if any(name in Path(folder).name for name in machines)
    ]


def _processes(home: Path, machines: Sequence[str]) -> list[str]:
    """Processes whose arguments, environment, root or cgroup name the lab."""
    words = [str(home).encode(), *(name.encode() for name in machines)]
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) in (os.getpid(), os.getppid()):
            continue
        try:
            seen = (folder / "cmdline").read_bytes() + (folder / "cgroup").read_bytes()
        except OSError:  # it ended while we looked
            continue
        if any(word in seen for word in words):
            found.append(folder.name)
    return found


def _files(home: Path, machines: Sequence[str]) -> list[str]:
    elsewhere = (
        Path("/run/systemd/nspawn"),
        Path("/var/lib/machines"),
        Path("/run/systemd/machines"),
    )
    found = [str(home)] if home.exists() else []
    for folder in elsewhere:
        found += [str(path) for path in folder.rglob("*") if path.name in machines]
    return found
