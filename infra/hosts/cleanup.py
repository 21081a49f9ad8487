"""Finds and removes what a lab left on the host: processes, mounts, cgroups, links, files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra import naming, paths
from infra.hosts import cgroups, network, nspawn
from infra.hosts.commands import run


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What of a lab is on the host."""

    processes: tuple[int, ...]
    mounts: tuple[str, ...]
    cgroups: tuple[str, ...]
    links: tuple[str, ...]
    files: tuple[str, ...]

    def __bool__(self) -> bool:
        return any((self.processes, self.mounts, self.cgroups, self.links, self.files))


def _machines(lab: str) -> list[str]:
    """Machines of the lab that have files or a cgroup, those of another LAB_HOME left out."""
    home = paths.Home(lab).machines
    with_files = {folder.name for folder in home.iterdir()} if home.is_dir() else set()
    with_cgroup = {name for name in cgroups.machines() if _owner(name, _labs() | {lab}) == lab}
    return sorted((with_files | with_cgroup) - nspawn.foreign().keys())


def _labs() -> set[str]:
    """Names of all labs below LAB_HOME."""
    return {folder.name for folder in paths.data().iterdir()} if paths.data().is_dir() else set()


def _owner(machine: str, labs: set[str]) -> str:
    """The lab that a machine is of: `one-two-worker` is of `one-two` where there is such a lab."""
    return max((lab for lab in labs if machine.startswith(f"{lab}-")), key=len, default="")


def _mounts(lab: str) -> list[str]:
    """Mount points below the lab's folder, the deepest first."""
    prefix = f"{paths.Home(lab).root}/"
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(prefix)), reverse=True)


def _bridge(lab: str) -> str:
    """Name of the lab's bridge; empty where it carries machines of another LAB_HOME."""
    theirs = any(name.startswith(f"{lab}-") for name in nspawn.foreign())
    return "" if theirs else naming.bridge(lab)


def find(lab: str) -> Leftovers:
    """Everything of the lab on this host, whether it is up or left over."""
    machines = _machines(lab)
    files = [str(paths.Home(lab).root)] if paths.Home(lab).root.exists() else []
    return Leftovers(
        processes=tuple(sorted({pid for name in machines for pid in cgroups.processes(name)})),
        mounts=tuple(_mounts(lab)),
        cgroups=tuple(
            str(folder) for name in machines for folder in cgroups.folders(name) if folder.is_dir()
        ),
        links=tuple(link for link in network.links() if link == _bridge(lab)),
        files=tuple(files),
    )


def sweep(lab: str) -> Leftovers:
    """Removes everything of the lab, state and keys included; returns what is still there."""
    for machine in _machines(lab):
        cgroups.kill(machine)
        network.remove_link(f"vb-{machine}")
    for point in _mounts(lab):
        if os.path.ismount(point):
            run(["umount", point])
    for machine in _machines(lab):
        cgroups.remove(machine)
    if bridge := _bridge(lab):
        network.remove_bridge(bridge)
    if paths.Home(lab).root.exists():
        shutil.rmtree(paths.Home(lab).root)
    return find(lab)


def running_labs() -> set[str]:
    """Names of labs whose machines run on this host."""
    running = {name for name in cgroups.machines() if cgroups.processes(name)}
    owners = {_owner(name, _labs()) for name in running - nspawn.foreign().keys()}
    return owners - {""}


def elsewhere() -> list[str]:
    """Folders of labs of another LAB_HOME that have machines up on this host."""
    # LAB_HOME/LAB/machines/HOST/root
    return sorted({str(root.parents[2]) for root in nspawn.foreign().values()})
