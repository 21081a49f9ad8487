"""One command at a time changes a lab."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import LabBusy
from infra.paths import Home


@contextmanager
def exclusive(home: Home, *, purpose: str) -> Iterator[None]:
    """Holds the lab's lock for the body of the `with`; it ends with the process, however it ends.

    Args:
        home: the lab.
        purpose: the command that holds the lock, told to whoever comes second.

    Raises:
        LabBusy: another living process holds it; its pid is named.
    """
    descriptor = _acquire(home)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {purpose}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(home: Home) -> int:
    while True:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The descriptor is closed on exec, so no child can keep the lock alive.
        descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            pid, _, purpose = holder.partition(" ")
            raise LabBusy(
                f"process {pid or 'unknown'} ({purpose or 'unknown'}) is working on lab "
                f"{home.lab!r}.",
                next_step=f"wait for it to end, or stop it gently with: kill -INT {pid or 'PID'}",
            ) from None
        # A `destroy` that just ended has removed the folder: the lock must be on the file that
        # others will open.
        if _is_current(home, descriptor):
            return descriptor
        os.close(descriptor)


def _is_current(home: Home, descriptor: int) -> bool:
    try:
        return os.path.samestat(home.lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
