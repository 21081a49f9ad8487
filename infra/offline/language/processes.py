"""Child processes of the language host: the program, and policy packs."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import IO, Literal

Stream = Literal["stdout", "stderr"]

#: Seconds that a child gets to end by itself; the engine gives us five.
_PATIENCE = 2.0


class Children:
    """Every child that runs, so that none outlives the host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, command: Sequence[str], *, stdin: bytes) -> int:
        """Runs to the end with our own output; returns the exit status."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        with self._lock:
            self._running.add(process)
        process.communicate(stdin)
        with self._lock:
            self._running.discard(process)
        return process.returncode

    def start(
        self, command: Sequence[str], *, folder: str, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Starts with its output on pipes."""
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with self._lock:
            self._running.add(process)
        return process

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        """Waits for a started child; returns the exit status."""
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status

    def terminate(self) -> None:
        """Ends every child, and returns when they have ended."""
        with self._lock:
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def output(process: subprocess.Popen[bytes]) -> Iterator[tuple[Stream, bytes]]:
    """What a child writes, as it comes, until it has closed both streams."""
    chunks: SimpleQueue[tuple[Stream, bytes]] = SimpleQueue()

    def pump(name: Stream, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                chunks.put((name, chunk))
        chunks.put((name, b""))

    assert process.stdout is not None  # noqa: S101 - both were asked for
    assert process.stderr is not None  # noqa: S101
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=pump, args=(name, pipe), daemon=True).start()
    open_streams = 2
    while open_streams:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            open_streams -= 1
