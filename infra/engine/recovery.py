"""What a killed operation leaves behind, and how the next one gets rid of it.

Three things: processes that go on working, the file backend's lock (it has no lease), and
operations that the state holds as pending. All callers hold the lab's own lock, so nothing found
here can belong to a living command of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.config import PROJECT
from infra.engine.environment import OPERATION
from infra.errors import StateDamaged, StateLocked
from infra.hosts import cgroups
from infra.paths import Home

_PROC = Path("/proc")


def leftover_processes(home: Home, proc: Path = _PROC) -> list[int]:
    """Processes that an earlier operation on this lab started and that still run.

    They are known by the mark in their environment. Machines carry it too, since they were
    started by an operation, but they are meant to stay: they live in cgroups of their own.
    """
    mark = f"{OPERATION}={home.root}".encode()
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if mark not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            in_machine = f"/{cgroups.PREFIX}" in (folder / "cgroup").read_text()
        except OSError:  # it ended while we looked
            continue
        if not in_machine:
            found.append(int(folder.name))
    return sorted(found)


def end_leftovers(home: Home) -> int:
    """Ends what `leftover_processes` finds, and what that starts meanwhile; returns how many."""
    ended: set[int] = set()
    while found := leftover_processes(home):
        end(found)
        ended.update(found)
    return len(ended)


def end(pids: Iterable[int], *, grace: float = 5) -> None:
    """Ends processes: SIGTERM, and SIGKILL for those that are there after `grace` seconds."""
    watched = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            watched[os.pidfd_open(pid)] = pid
    try:
        for number, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            for descriptor in watched:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
            watched = _still_running(watched, wait)
    finally:
        for descriptor in watched:
            os.close(descriptor)


def _still_running(watched: dict[int, int], wait: float) -> dict[int, int]:
    left = dict(watched)
    poller = select.poll()
    for descriptor in left:
        poller.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + wait
    while left and (remaining := deadline - time.monotonic()) > 0:
        for descriptor, _ in poller.poll(remaining * 1000):
            poller.unregister(descriptor)
            del left[descriptor]
            os.close(descriptor)
    return left


def clear_stale_locks(home: Home, stack: str) -> int:
    """Removes locks of the file backend whose process is gone; returns how many.

    The same as `pulumi cancel`, but only for locks that are stale for certain: made on this host
    by a process that no longer runs.

    Raises:
        StateLocked: a living process, or one on another host, holds the state.
    """
    cleared = 0
    for file in sorted(_locks(home, stack).glob("*.json")):
        try:
            lock = json.loads(file.read_text())
        except json.JSONDecodeError:  # killed while it wrote the lock
            lock = {}
        pid, host = int(lock.get("pid", 0)), lock.get("hostname", socket.gethostname())
        if host != socket.gethostname() or (pid and _is_pulumi(pid)):
            raise StateLocked(
                f"the state of stack {stack!r} is locked by process {pid} on {host}.",
                next_step="wait for that process, or stop it, then run the command again.",
            )
        # The bucket keeps attributes beside each file.
        file.with_name(f"{file.name}.attrs").unlink(missing_ok=True)
        file.unlink()
        cleared += 1
    return cleared


def _locks(home: Home, stack: str) -> Path:
    return home.state / ".pulumi" / "locks" / "organization" / PROJECT / stack


def _is_pulumi(pid: int) -> bool:
    """Whether `pid` is a running pulumi, and not another program that got the same number.

    A killed one that nobody has waited for yet still has its number and name, but no arguments.
    """
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(Path(os.fsdecode(word)).name == "pulumi" for word in words[:2])


def checkpoint(home: Home, stack: str) -> Path:
    """The file in which the file backend keeps a stack's state."""
    return home.state / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"


def deployment(home: Home, stack: str) -> dict[str, Any]:
    """The stack's state as the backend keeps it (secrets in it are encrypted); {} if none.

    Raises:
        StateDamaged: the file is there and is no state (cut short by a full disk, say).
    """
    file = checkpoint(home, stack)
    try:
        document = json.loads(file.read_text())
        return dict(document["checkpoint"].get("latest") or {})
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise StateDamaged(
            f"{file} is no state of Pulumi: {error}.",
            next_step=f"put {file.name}.bak beside it in its place (the state before the last "
            "change), or remove the lab: `./lab destroy --yes` needs no state.",
        ) from error


def pending_operations(home: Home, stack: str) -> list[str]:
    """URNs of resources that were being worked on when an operation was killed."""
    return [
        operation["resource"]["urn"]
        for operation in deployment(home, stack).get("pending_operations") or []
    ]


def without_pending(exported: str) -> str:
    """An exported state (`pulumi stack export`) with no pending operations.

    Safe because every resource of ours is found or made anew by its provider: creating a machine
    removes leftovers of its name, playbooks and Vault objects are idempotent, and Kubernetes
    objects are applied on the server side.
    """
    document = json.loads(exported)
    document["deployment"].pop("pending_operations", None)
    return json.dumps(document)
