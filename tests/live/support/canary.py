"""Looks for a secret value in plaintext: in files, in journals, in arguments of processes.

The value is handed to `grep` by a file of mode 0600 or by standard input, never by argument: the
search must not leave the trace that it looks for.
"""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.live.support.machines import Host

#: Folders of a machine where something may be written down.
MACHINE_FOLDERS = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
#: The lab's cache on the host, seen from a machine; it is searched on the host.
_CACHE_ON_MACHINE = "/var/cache/ai-lab"
_MEMORY = "/dev/shm"  # noqa: S108 - the folder made in it is private


def new_value() -> str:
    """A value that is nowhere else."""
    return f"canary-{secrets.token_hex(20)}"


def forms(value: str) -> list[str]:
    """How a value may be written down: plain, hexadecimal, and base64 wherever it begins.

    Base64 packs three bytes into four letters, so a value inside something larger comes in three
    shapes; the letters at the edges mix with the neighbours' and are cut off.
    """
    raw = value.encode()
    shapes = [value, raw.hex(), raw.hex().upper()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        shapes.append(encoded[4 if shift else 0 : len(encoded) - 1])
    return shapes


def in_files(value: str, folders: Sequence[Path]) -> list[str]:
    """Files below the folders that hold the value in any form."""
    there = [str(folder) for folder in folders if folder.exists()]
    with _patterns(value) as file:
        done = subprocess.run(
            [*("grep", "-rlaF", "--devices=skip", "-f", str(file)), *there],
            capture_output=True,
            text=True,
            check=False,
        )
    return _hits(done.stdout)


def in_processes(value: str, proc: Path = Path("/proc")) -> list[str]:
    """Arguments and environments of this host's processes (the machines' among them)."""
    raw = [form.encode() for form in forms(value)]
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            try:
                content = (folder / name).read_bytes()
            except OSError:  # it ended while we looked
                continue
            if any(form in content for form in raw):
                found.append(str(folder / name))
    return found


@contextmanager
def as_argument(value: str) -> Iterator[int]:
    """A process that has the value as an argument, while it lasts: its number (seeded).

    Its first answer is awaited: a process that has been started may have no arguments yet.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(["cat", "-", value], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"?")
            process.stdin.flush()
            assert process.stdout.read(1) == b"?"
            yield process.pid
        finally:
            process.kill()


def on_machine(value: str, host: Host) -> list[str]:
    """Files and journal of a machine that hold the value in any form."""
    patterns = "\n".join(forms(value))
    script = (
        f"umask 077; p=$(mktemp -d {_MEMORY}/lab.XXXXXX); cat >$p/patterns <<'LAB_PATTERNS'\n"
        f"{patterns}\nLAB_PATTERNS\n"
        f"grep -rlaF --devices=skip --exclude-dir={Path(_CACHE_ON_MACHINE).name} "
        f"-f $p/patterns {MACHINE_FOLDERS} 2>/dev/null\n"
        "journalctl --all --output=export --quiet 2>/dev/null | "
        "grep -qaF -f $p/patterns && echo journal\n"
        "rm -r $p; true"
    )
    result = host.run(script)
    assert result.rc == 0, f"the search failed on {host.backend.get_hostname()}: {result.stderr}"
    return _hits(result.stdout)


def _hits(printed: str) -> list[str]:
    return sorted(line for line in printed.splitlines() if line)


@contextmanager
def _patterns(value: str) -> Iterator[Path]:
    # In memory: the search goes through the folder of temporary files as well.
    with tempfile.TemporaryDirectory(prefix="lab-search-", dir=_MEMORY) as folder:
        file = Path(folder) / "patterns"
        file.touch(mode=0o600)
        file.write_text("\n".join(forms(value)) + "\n")
        yield file
