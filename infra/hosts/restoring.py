"""Puts encrypted copies of etcd back: decrypted here, where the private key is, on no machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import naming, paths
from infra.config import OnPremLab
from infra.config.ssh import expanded
from infra.errors import BackupUnreadable
from infra.hosts import playbooks
from infra.hosts.given import host_variables

#: Seconds.
_DECRYPTION = 600


@contextmanager
def opened(archive: Path, *, certificate: Path, key: Path) -> Iterator[Path]:
    """A folder (0700, in memory where there is /dev/shm) with what the copy holds.

    It is gone at the end of the block. A key with a passphrase is asked for on the terminal.

    Raises:
        BackupUnreadable: the copy was changed, is for another recipient, or is none.
    """
    memory = Path("/dev/shm")  # noqa: S108 a private folder is made in it
    folder = Path(tempfile.mkdtemp(prefix="lab-restore-", dir=memory if memory.is_dir() else None))
    try:
        sealed, plain = folder / "copy.tar", folder / "content"
        # The whole copy is decrypted, and so authenticated, before any of it is looked at.
        done = subprocess.run(
            [
                *("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", str(archive)),
                *("-recip", str(certificate), "-inkey", str(key), "-out", str(sealed)),
            ],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=_DECRYPTION,
        )
        if done.returncode != 0:
            raise BackupUnreadable(
                f"{archive.name} cannot be decrypted: {_last(done.stderr)}.",
                next_step="name the certificate and the key for which it was encrypted; if they "
                "are right, the copy was changed or cut short: take the one before it.",
            )
        plain.mkdir(mode=0o700)
        untarred = subprocess.run(
            ["tar", "--extract", f"--file={sealed}", f"--directory={plain}", "--no-same-owner"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_DECRYPTION,
        )
        if untarred.returncode != 0:
            raise BackupUnreadable(
                f"{archive.name} holds no archive: {_last(untarred.stderr)}.",
                next_step="take the copy before it.",
            )
        sealed.unlink()
        yield plain
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1].rstrip(".")


def require_etcd(content: Path) -> Path:
    """The snapshot in an opened copy.

    Raises:
        BackupUnreadable: it holds none of etcd.
    """
    snapshot = content / "etcd.db"
    if not snapshot.is_file():
        held = ", ".join(sorted(entry.name for entry in content.iterdir())) or "nothing"
        raise BackupUnreadable(
            f"the copy holds {held}, and no snapshot of etcd.",
            next_step="name a copy of etcd (LAB-etcd-TIME.tar.cms).",
        )
    return snapshot


def restore_etcd(lab: OnPremLab, content: Path) -> playbooks.Outcome:
    """Puts the snapshot of an opened copy back on every control plane at once.

    What was written after the copy was taken is lost.

    Raises:
        BackupUnreadable: the copy holds no snapshot of etcd.
        PlaybookFailed: see its message; the control planes were started again.
    """
    snapshot = require_etcd(content)
    return playbooks.run(
        playbooks.Run(
            playbook="restore_etcd",
            hosts=tuple(
                playbooks.Host(
                    name=naming.hostname(lab.name, spec.name),
                    address=str(spec.address),
                    groups=("control_plane",),
                    variables={"lab_address": str(spec.address), **host_variables(spec)},
                )
                for spec in lab.with_role("control-plane")
            ),
            variables={"restore_snapshot": str(snapshot)},
            ssh=playbooks.Ssh(
                key=Path(expanded(lab.ssh.private_key)),
                known_hosts=Path(expanded(lab.ssh.known_hosts)),
                user=lab.ssh.user,
                port=lab.ssh.port,
            ),
            logs=paths.Home(lab.name).logs,
        )
    )
