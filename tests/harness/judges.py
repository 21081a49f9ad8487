"""Outside judges: programs that pin their libraries too tightly to live beside ours.

Each has an environment of its own in the cache, made once from a lock file with hashes. One that
cannot be made fails the test that asks for it: a judgement that was not given is no judgement.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from infra import paths

_LOCKS = paths.REPOSITORY / "tests" / "long" / "clouds" / "judges"
#: Seconds; prowler's libraries are more than a gigabyte.
_INSTALLING = 900


def environment(judge: str) -> Path:
    """The folder of programs of a judge's environment, made if it is not there.

    Raises:
        RuntimeError: it cannot be installed.
    """
    lock = _LOCKS / f"{judge}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = paths.cache() / "judges" / f"{judge}-{digest}"
    if not folder.is_dir():
        _install(lock, folder)
    return folder / "bin"


def _install(lock: Path, folder: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        raise RuntimeError(f"{lock.stem} cannot be installed: uv is missing")
    # Under another name until it is whole; two tests that make it at once do not meet.
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    python = unfinished / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", "3.11", "--relocatable", str(unfinished)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(lock)],
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALLING, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise RuntimeError(f"{lock.stem} cannot be installed: {done.stderr.strip()}")
    try:
        unfinished.rename(folder)
    except OSError:
        # Somebody else was first.
        shutil.rmtree(unfinished)
