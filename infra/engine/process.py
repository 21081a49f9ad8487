"""Runs one `pulumi` command: its events as they come, signals handed on, no orphan left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

#: A shell starts its background jobs with SIGINT ignored, and so would be every child of ours.
_HEARS_INTERRUPTS = ("env", "--default-signal=INT")


@dataclass(slots=True)
class Outcome:
    """How the command ended. `output` is what it wrote to stdout and stderr together."""

    returncode: int
    output: str
    interrupted: bool


@dataclass(slots=True)
class _Lines:
    """Splits a stream of bytes into lines."""

    rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")


@dataclass(slots=True)
class _Signals:
    """Hands the first SIGINT or SIGTERM to the child as SIGINT, which Pulumi takes as "stop
    after the steps that run now"; each further one goes on as well and makes it stop at once.
    """

    child: subprocess.Popen[bytes]
    #: Gets a byte for each signal, so that the main loop can speak of it: a handler cannot.
    wake: int
    received: int = 0

    def _forward(self, _number: int, _frame: FrameType | None) -> None:
        self.received += 1
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        os.write(self.wake, b".")

    @contextmanager
    def handled(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._forward) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_event: Callable[[str], None] | None = None,
    on_stop: Callable[[], None] = lambda: None,
) -> Outcome:
    """Runs `command` to its end.

    Args:
        command: program and arguments; with `on_event`, `--event-log FILE` is added.
        environment: the child's whole environment.
        folder: where it runs.
        on_event: called with each line of the event log as soon as it is written.
        on_stop: called when a signal has been handed on to the command.
    """
    with tempfile.TemporaryDirectory(prefix="lab-events-") as private:
        arguments = list(command)
        events = -1
        if on_event is not None:
            fifo = Path(private) / "events"
            os.mkfifo(fifo, 0o600)
            # Open for reading before the writer comes; without waiting, since it may never come.
            events = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            arguments += ["--event-log", str(fifo)]
        try:
            return _run(
                arguments,
                environment=environment,
                folder=folder,
                events=events,
                on_event=on_event,
                on_stop=on_stop,
            )
        finally:
            if events >= 0:
                os.close(events)


def attend(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdout: IO[str] | None = None,
) -> int:
    """Runs a command that shows itself what it does, and waits until it has tidied up.

    Args:
        command: program and arguments.
        environment: the child's whole environment.
        folder: where it runs.
        stdout: where its standard output goes; None means ours.

    Raises:
        KeyboardInterrupt: we were interrupted; the command was told, and has ended since.
    """
    interrupted = False
    # A session of its own: Ctrl-C reaches it once, through us; twice would cut its tidying short.
    with subprocess.Popen(
        [*_HEARS_INTERRUPTS, "setpriv", "--pdeathsig", "INT", "--", *command],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        start_new_session=True,
    ) as child:
        while child.returncode is None:
            try:
                child.wait()
            except KeyboardInterrupt:
                interrupted = True
                child.send_signal(signal.SIGINT)
    if interrupted:
        raise KeyboardInterrupt
    return child.returncode


def _run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    events: int,
    on_event: Callable[[str], None] | None,
    on_stop: Callable[[], None],
) -> Outcome:
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    # setpriv: if this process is killed, the child is too, instead of working on unwatched.
    # A session of its own: Ctrl-C reaches it once, through us, and not a second time by the tty.
    with subprocess.Popen(
        [*_HEARS_INTERRUPTS, "setpriv", "--pdeathsig", "KILL", "--", *arguments],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as child:
        signals = _Signals(child, wake)
        try:
            with signals.handled():
                output = _pump(child, events, on_event, woken, on_stop)
                returncode = child.wait()
        finally:
            os.close(woken)
            os.close(wake)
    return Outcome(returncode, output, interrupted=signals.received > 0)


def _pump(
    child: subprocess.Popen[bytes],
    events: int,
    on_event: Callable[[str], None] | None,
    woken: int,
    on_stop: Callable[[], None],
) -> str:
    """Reads output and events until the child has ended and both are read empty.

    The child's end counts, not the end of its output: a plugin that outlives the engine would
    hold that open.
    """
    assert child.stdout is not None  # noqa: S101 # Popen was called with PIPE
    output = child.stdout.fileno()
    os.set_blocking(output, False)
    chunks: list[bytes] = []
    lines = _Lines()

    def on_events(data: bytes) -> None:
        if on_event is not None:
            for line in lines.feed(data):
                on_event(line)

    def on_wake(data: bytes) -> None:
        if data:
            on_stop()

    sinks: dict[int, Callable[[bytes], None]] = {output: chunks.append, woken: on_wake}
    if events >= 0:
        sinks[events] = on_events
    exit_watch = os.pidfd_open(child.pid)
    try:
        poller = select.poll()
        for descriptor in (exit_watch, *sinks):
            poller.register(descriptor, select.POLLIN)
        ended = False
        while not ended:
            ready = dict(poller.poll())
            ended = exit_watch in ready
            for descriptor, sink in list(sinks.items()):
                data = _available(descriptor)
                sink(data)
                if not data and ready.get(descriptor, 0) & select.POLLHUP:
                    poller.unregister(descriptor)
                    del sinks[descriptor]
    finally:
        os.close(exit_watch)
    return b"".join(chunks).decode(errors="replace")


def _available(descriptor: int) -> bytes:
    """Everything that can be read from a non-blocking descriptor right now."""
    chunks: list[bytes] = []
    try:
        while data := os.read(descriptor, 65536):
            chunks.append(data)
    except BlockingIOError:
        pass
    return b"".join(chunks)
