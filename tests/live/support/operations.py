"""`lab` and `pulumi` as a user runs them, in processes of their own that may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import paths
from infra.engine.environment import environment
from tests.live.support.api import eventually

#: Longest time that any operation may take, in seconds.
LONGEST = 420


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    output: str
    errors: str
    seconds: float

    @property
    def told(self) -> str:
        """The end of what it said, for messages."""
        return f"{self.output[-1500:]}\n{self.errors[-3000:]}".strip()


def lab(*words: str, timeout: float = LONGEST) -> Done:
    """Runs `lab` to its end."""
    return _run([sys.executable, "-m", "infra.cli", *words], dict(os.environ), timeout)


def pulumi(stack: str, *words: str, timeout: float = LONGEST) -> Done:
    """Runs plain `pulumi` with nothing but what `lab env` prints."""
    own = environment(stack)
    command = ["pulumi", *words, "--stack", stack, "--non-interactive"]
    return _run(command, os.environ | own, timeout)


def _run(command: list[str], variables: dict[str, str], timeout: float) -> Done:
    begin = time.monotonic()
    done = subprocess.run(
        command,
        cwd=paths.REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


class Running:
    """A `lab` command at work."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def told(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def until(self, condition: Callable[[], bool], *, within: float = LONGEST) -> bool:
        """Waits until the condition holds; False if the command ended before."""
        eventually(lambda: condition() or self.ended, until=bool, within=within)
        return not self.ended

    def runs_for(self, seconds: float) -> bool:
        """Lets it work for so long; False if it ended before."""
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """kill -9 of this one process: what it started goes on, as after a crash."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait(self, timeout: float = LONGEST) -> int:
        return self._process.wait(timeout=timeout)


@contextmanager
def starting(*words: str) -> Iterator[Running]:
    """Starts `lab` and goes on; at the end it must have ended or is killed."""
    with tempfile.TemporaryDirectory(prefix="lab-run-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", *words],
                cwd=paths.REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        running = Running(process, log)
        try:
            yield running
        finally:
            if not running.ended:
                running.kill()
