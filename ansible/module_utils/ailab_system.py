"""Small helpers of the lab's own modules; standard library only, Python 3.11 and later."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

#: What the lab remembers on a machine between runs (markers, pending actions).
STATE = Path("/var/lib/ai-lab")


class Result(NamedTuple):
    """How a program ended."""

    status: int
    output: str
    error: str


class CommandError(Exception):
    """A program ended with an error; the text names it and carries its last words."""


def attempt(
    command: list[str],
    timeout: float = 300,
    *,
    stdin: str | None = None,
    environment: dict[str, str] | None = None,
) -> Result:
    """Runs a program; a missing program is status 127.

    Args:
        command: program and arguments.
        timeout: seconds.
        stdin: its standard input, the way for secrets; None hands on this process's own.
        environment: what is added to this process's environment.

    Raises:
        CommandError: it took longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            errors="replace",
            input=stdin,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError:
        return Result(127, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{command[0]} took longer than {timeout:.0f} s") from error
    return Result(done.returncode, done.stdout, done.stderr)


def run(
    command: list[str],
    timeout: float = 300,
    *,
    stdin: str | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Runs a program and returns its output; arguments as for `attempt`.

    Raises:
        CommandError: it failed or took longer than `timeout` seconds.
    """
    result = attempt(command, timeout, stdin=stdin, environment=environment)
    if result.status != 0:
        words = (result.error.strip() or result.output.strip())[-1500:]
        raise CommandError(f"`{' '.join(command[:4])}` ended with {result.status}: {words}")
    return result.output


def sha256(path: Path) -> str | None:
    """Hex digest of a file's content, or None if there is no such file."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def write(path: Path, content: bytes, mode: int) -> None:
    """Replaces a file in one step: a kill leaves the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
