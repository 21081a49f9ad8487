"""One Pulumi stack, driven through the CLI."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from infra import config, paths, toolchain
from infra.config import PROJECT
from infra.engine import process, recovery
from infra.engine.environment import make_private_files, operation_environment
from infra.engine.events import Diagnostic, Event, Phase, ResourceEvent, Timeline, parse
from infra.errors import Interrupted, OperationStopped, PulumiFailed
from infra.paths import Home


class Operation(StrEnum):
    """What can be done with a stack; the value is Pulumi's own word."""

    UP = "up"
    PREVIEW = "preview"
    REFRESH = "refresh"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation did. Times are wall seconds."""

    operation: Operation
    seconds: float
    changes: dict[str, int]
    phases: tuple[Phase, ...]
    steps: tuple[ResourceEvent, ...]

    @property
    def changed(self) -> int:
        """Number of resources that were, or at a preview would be, changed."""
        return sum(n for operation, n in self.changes.items() if operation != "same")


def _ignore(_: Event) -> None:
    """Takes an event and does nothing."""


@dataclass(slots=True)
class Stack:
    """A stack of this checkout and its state on this host."""

    name: str
    on_event: Callable[[Event], None] = _ignore
    home: Home = field(init=False)
    _environment: dict[str, str] = field(init=False)
    _program: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(config.load(self.name).name)
        self._program = toolchain.binary("pulumi")
        self._environment = operation_environment(self.name)

    @property
    def exists(self) -> bool:
        return recovery.checkpoint(self.home, self.name).is_file()

    def ensure(self) -> None:
        """Makes the stack unless it exists, and its passphrase. Nothing is written to the
        checkout: `stack init` would put the salt into the configuration file there.
        """
        make_private_files(self.home)
        if self.exists:
            return
        with tempfile.TemporaryDirectory(prefix="lab-stack-") as folder:
            project = Path(folder)
            (project / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
            self._pulumi("stack", "init", self.name, folder=project)

    def recover(self) -> list[str]:
        """Puts right what a killed operation left; returns what was done, for the user."""
        done = []
        if ended := recovery.end_leftovers(self.home):
            done.append(f"ended {ended} processes of an operation that was killed")
        if recovery.clear_stale_locks(self.home, self.name):
            done.append("removed the state lock of an operation that was killed")
        if pending := recovery.pending_operations(self.home, self.name):
            exported = self._pulumi("stack", "export", "--stack", self.name)
            with tempfile.TemporaryDirectory(prefix="lab-state-") as folder:
                file = Path(folder) / "state.json"
                file.write_text(recovery.without_pending(exported))
                self._pulumi("stack", "import", "--stack", self.name, "--file", str(file))
            done.append(f"forgot {len(pending)} unfinished steps; they are done again")
        return done

    def run(self, operation: Operation, *options: str) -> Result:
        """Runs an operation on the stack.

        Raises:
            OperationStopped: it failed after it had begun; what it did so far is in the state.
            PulumiFailed: it failed before it changed anything.
            Interrupted: it was stopped by SIGINT or SIGTERM.
        """
        timeline = Timeline()
        begin = time.monotonic()

        def receive(line: str) -> None:
            event = parse(line)
            if event is not None:
                timeline.add(event, time.monotonic() - begin)
                self.on_event(event)

        outcome = process.run(
            [str(self._program), operation.value, *self._options(operation), *options],
            environment=self._environment,
            folder=paths.REPOSITORY,
            on_event=receive,
            on_stop=lambda: self.on_event(_STOPPING),
        )
        log = self._log(operation, outcome.output, timeline)
        if outcome.interrupted:
            raise Interrupted(
                f"{operation.value} was stopped; {timeline.changed} changes are kept.",
                next_step=f"`./lab {_command(operation)}` goes on where it stopped.",
            )
        if outcome.returncode != 0:
            raise _failure(operation, timeline, outcome.output, log)
        return Result(
            operation=operation,
            seconds=round(time.monotonic() - begin, 3),
            changes=timeline.changes,
            phases=tuple(timeline.phases()),
            steps=tuple(timeline.steps),
        )

    def remove(self) -> None:
        """Forgets the stack; its resources must be gone."""
        self._pulumi("stack", "rm", "--stack", self.name, "--yes", "--preserve-config")

    def _options(self, operation: Operation) -> list[str]:
        options = ["--stack", self.name, "--non-interactive", "--suppress-progress"]
        options += ["--config-file", str(self._configuration())]
        if operation is not Operation.PREVIEW:
            options += ["--yes", "--skip-preview"]
        return options

    def _configuration(self) -> Path:
        """A copy of the stack's configuration into which Pulumi may write its salt."""
        tracked = config.stack_file(self.name)
        text = tracked.read_text()
        # Left there by a `pulumi` run by hand; it may belong to a lab that is long gone.
        clean = re.sub(r"^encryptionsalt:.*\n?", "", text, flags=re.MULTILINE)
        if clean != text:
            tracked.write_text(clean)
        copy = self.home.root / "pulumi" / tracked.name
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        copy.write_text(clean)
        return copy

    def _pulumi(self, *words: str, folder: Path = paths.REPOSITORY) -> str:
        outcome = process.run(
            [str(self._program), *words, "--non-interactive"],
            environment=self._environment,
            folder=folder,
        )
        if outcome.returncode != 0:
            raise PulumiFailed(
                f"`pulumi {' '.join(words[:2])}` ended with {outcome.returncode}: "
                f"{outcome.output.strip()[-800:]}.",
                next_step="`./lab doctor` checks what it needs.",
            )
        return outcome.output

    def _log(self, operation: Operation, output: str, timeline: Timeline) -> Path:
        """Keeps what the last operation of this kind said (Pulumi masks secrets in it)."""
        self.home.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.home.logs / f"{operation.value}.log"
        said = [
            f"{entry.severity}: {entry.name}: {entry.message}" for entry in timeline.diagnostics
        ]
        file.write_text("\n".join([output.rstrip(), *said, ""]))
        file.chmod(0o600)
        return file


_STOPPING = Diagnostic(
    "warning", "stopping when the steps that run now are done; Ctrl-C again stops at once"
)


def _command(operation: Operation) -> str:
    return "destroy --yes" if operation is Operation.DESTROY else "up"


#: How `str(LabError)` looks when it comes back through Pulumi from one of our plugins.
_LAB_ERROR = re.compile(r"(?P<code>LAB-\d{3}) (?P<message>.+?) Next: (?P<next>[^\n]+)", re.DOTALL)


def _failure(operation: Operation, timeline: Timeline, output: str, log: Path) -> PulumiFailed:
    errors = timeline.errors()
    # The engine sums up at the end ("update failed"); the cause comes first.
    own = next((m for entry in errors if (m := _LAB_ERROR.search(entry.message))), None)
    if own:
        cause, next_step = f"{own['code']} {own['message'].strip()}", own["next"].strip()
    else:
        cause = errors[0].message if errors else output.strip()[-800:] or "no message"
        next_step = f"read {log}."
    where = f" at {errors[0].name}" if errors and errors[0].urn else ""
    if operation is Operation.PREVIEW or not timeline.changed:
        return PulumiFailed(f"{operation.value} failed{where}: {cause}", next_step=next_step)
    return OperationStopped(
        f"{operation.value} stopped{where}; {timeline.changed} changes are kept: {cause}",
        next_step=f"{next_step} Then `./lab {_command(operation)}` again: it goes on from there.",
    )
