"""Runs the host's own programs (ip, mount, systemd-nspawn's helpers) and says what failed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.errors import MachineFailed


def run(command: Sequence[str | Path], *, timeout: float = 60, check: bool = True) -> str:
    """Runs a program to its end and returns its standard output.

    Raises:
        MachineFailed: it could not be started, took over `timeout` seconds, or (with `check`)
            exited with another status than 0.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout, check=False, encoding="utf-8"
        )
    except FileNotFoundError as error:
        raise MachineFailed(
            f"{words[0]} is not installed.",
            next_step="run `./lab doctor`: it names the Debian package.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineFailed(
            f"`{' '.join(words)}` did not end within {timeout:.0f} s.",
            next_step="look at the load of this host, then run the command again.",
        ) from error
    if check and done.returncode != 0:
        raise MachineFailed(
            f"`{' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()}.",
            next_step="`./lab doctor` checks what the lab needs of this host.",
        )
    return done.stdout
