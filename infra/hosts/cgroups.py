"""A cgroup of its own for every machine, in every hierarchy that the host has.

Without it all nspawn machines share one payload cgroup and their kubelets see each other's
pods. With cgroup v1 (or the hybrid layout) each controller is a hierarchy of its own.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from infra.errors import MachineFailed

MOUNT = Path("/sys/fs/cgroup")
PREFIX = "lab."


def is_unified(mount: Path = MOUNT) -> bool:
    """True on a host with pure cgroup v2."""
    return (mount / "cgroup.controllers").is_file()


def hierarchies(mount: Path = MOUNT) -> list[Path]:
    """Root folders of all hierarchies (links such as cpu,cpuacct -> cpu left out)."""
    if is_unified(mount):
        return [mount]
    return sorted(
        folder
        for folder in mount.iterdir()
        if folder.is_dir() and not folder.is_symlink() and (folder / "cgroup.procs").is_file()
    )


def folders(machine: str, mount: Path = MOUNT) -> list[Path]:
    return [hierarchy / f"{PREFIX}{machine}" for hierarchy in hierarchies(mount)]


def make(machine: str, mount: Path = MOUNT) -> list[Path]:
    """Makes the machine's cgroups; a cpuset cgroup is useless until its lists are filled."""
    made = folders(machine, mount)
    for folder in made:
        folder.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            own, parent = folder / name, folder.parent / name
            if own.is_file() and parent.is_file() and not own.read_text().strip():
                own.write_text(parent.read_text())
    return made


def below(folder: Path) -> list[Path]:
    """The cgroup and all cgroups in it; those that go away while we look are left out."""
    return [Path(path) for path, _, _ in os.walk(folder)]


def processes(machine: str, mount: Path = MOUNT) -> set[int]:
    """Ids of all processes in the machine's cgroups, nspawn itself among them."""
    found: set[int] = set()
    for folder in folders(machine, mount):
        for nested in below(folder):
            procs = nested / "cgroup.procs"
            try:
                found.update(int(word) for word in procs.read_text().split())
            except (FileNotFoundError, OSError):  # the cgroup went away while we looked
                continue
    return found - {0}


def kill(machine: str, *, timeout: float = 20, mount: Path = MOUNT) -> None:
    """Kills everything in the machine's cgroups and waits until nothing is left.

    `poweroff` inside can hang for long, and killing systemd-nspawn alone leaves the machine
    running, so the processes are killed from outside, by cgroup.

    Raises:
        MachineFailed: something was still there after `timeout` seconds.
    """

    def sweep() -> set[int]:
        left = processes(machine, mount)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return left

    try:
        Retrying(
            retry=retry_if_result(bool), stop=stop_after_delay(timeout), wait=wait_fixed(0.05)
        )(sweep)
    except RetryError as error:
        raise MachineFailed(
            f"processes of machine {machine} survive SIGKILL: {sorted(processes(machine, mount))}.",
            next_step="look for processes in state D (`ps -eo pid,stat,comm`); reboot the host.",
        ) from error


def remove(machine: str, *, timeout: float = 10, mount: Path = MOUNT) -> None:
    """Removes the machine's (empty) cgroups, the deepest first."""

    def sweep() -> list[Path]:
        left = []
        for folder in folders(machine, mount):
            if not folder.is_dir():
                continue
            for path in sorted(below(folder), key=lambda path: len(path.parts), reverse=True):
                try:
                    path.rmdir()
                except FileNotFoundError:
                    continue
                except OSError:  # busy: its last process is still being reaped
                    left.append(path)
        return left

    try:
        Retrying(retry=retry_if_result(bool), stop=stop_after_delay(timeout), wait=wait_fixed(0.1))(
            sweep
        )
    except RetryError as error:
        raise MachineFailed(
            f"cgroups of machine {machine} cannot be removed.",
            next_step="`./lab destroy --yes` again; if it stays so, reboot the host.",
        ) from error


def machines(mount: Path = MOUNT) -> set[str]:
    """Names of all machines that have a cgroup on this host, running or left over."""
    return {
        folder.name.removeprefix(PREFIX)
        for hierarchy in hierarchies(mount)
        for folder in hierarchy.glob(f"{PREFIX}*")
        if folder.is_dir()
    }


def memory_bytes(machine: str, mount: Path = MOUNT) -> int:
    """Memory that the machine holds (bytes): all but page cache that no process has mapped.

    Unmapped cache, such as that of an imported image, goes away whenever somebody needs the room.
    """
    unified = is_unified(mount)
    folder = (mount if unified else mount / "memory") / f"{PREFIX}{machine}"
    usage = int((folder / ("memory.current" if unified else "memory.usage_in_bytes")).read_text())
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    cache, shared, mapped = (
        int(stat.get(name if unified else f"total_{old}", 0))
        for name, old in (("file", "cache"), ("shmem", "shmem"), ("file_mapped", "mapped_file"))
    )
    return max(usage - max(cache - shared - mapped, 0), 0)
