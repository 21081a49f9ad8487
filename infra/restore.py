"""Puts a copy of etcd back, or says what that would do. Copies are opened here, where their private
key is, and on no machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.config import HybridLab, OnPremLab
from infra.config.ssh import expanded
from infra.engine import exclusive
from infra.engine.target import Target
from infra.errors import BackupUnreadable, BadUsage, WrongGround
from infra.hosts import restoring


class Show(Protocol):
    """Where progress goes."""

    def step(self, title: str) -> None:
        """A new part of the work begins."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An encrypted copy and what opens it. Without a certificate it is the one that the lab's
    configuration names as the recipient of copies.
    """

    file: Path
    key: Path
    certificate: Path | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What the copy holds, and the machines on which etcd was (or would be) made anew."""

    holds: tuple[str, ...]
    machines: tuple[str, ...]
    seconds: float


def etcd(target: Target, copy: Copy, show: Show, *, dry_run: bool = False) -> Restored:
    """Puts the copy back on every control plane at once; what was written after it is lost.

    With `dry_run` the copy is opened and looked at, and nothing else is done.

    Raises:
        WrongGround: the lab's control planes are not machines of one's own.
        BadUsage: nobody says for whom the copy was encrypted.
        BackupUnreadable: it cannot be opened, or is none of etcd.
        LabBusy, PlaybookFailed: see `restoring.restore_etcd`.
    """
    begin = time.monotonic()
    lab = _machines(target)
    certificate = copy.certificate
    if certificate is None:
        if lab.backup is None:
            raise BadUsage(
                "the lab's configuration has no `backup.recipient`.",
                next_step="name the certificate of the copy: `--certificate FILE`.",
            )
        certificate = Path(expanded(lab.backup.recipient))
    for file in (copy.file, certificate, copy.key):
        if not file.is_file():
            raise BackupUnreadable(f"there is no file {file}.", next_step="name the right one.")
    show.step(f"Opening {copy.file.name}")
    with restoring.opened(copy.file, certificate=certificate, key=copy.key) as content:
        holds = tuple(sorted(entry.name for entry in content.iterdir()))
        restoring.require_etcd(content)
        if not dry_run:
            with exclusive(target.home, purpose="lab restore"):
                show.step("Putting it back on every control plane")
                restoring.restore_etcd(lab, content)
    machines = tuple(spec.name for spec in lab.with_role("control-plane"))
    return Restored(holds, machines, round(time.monotonic() - begin, 3))


def _machines(target: Target) -> OnPremLab:
    if isinstance(target.lab, HybridLab):
        return target.lab.home
    if isinstance(target.lab, OnPremLab):
        return target.lab
    raise WrongGround(
        f"stack {target.stack!r} lies on the ground {target.lab.ground!r}; only control planes on "
        "machines of one's own have copies of etcd.",
        next_step="name a stack whose ground is `onprem` or `hybrid`.",
    )
