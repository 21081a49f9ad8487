"""One Pulumi stack, driven through the CLI."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from infra import paths, toolchain
from infra.config import PROJECT
from infra.engine import policies, process, recovery
from infra.engine.environment import make_private_files, operation_environment, recorded
from infra.engine.events import (
    Diagnostic,
    Event,
    Phase,
    ResourceEvent,
    Timeline,
    Violation,
    parse,
)
from infra.engine.plan import Plan, read_plan
from infra.engine.target import Target
from infra.errors import (
    Interrupted,
    OperationStopped,
    PolicyViolated,
    PreviewOnly,
    PulumiFailed,
)
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
    """A stack and its state on this host; `target` is the checkout's own of that name."""

    name: str
    on_event: Callable[[Event], None] = _ignore
    target: Target | None = None
    home: Home = field(init=False)
    _target: Target = field(init=False)
    _environment: dict[str, str] = field(init=False)
    _program: Path = field(init=False)

    def __post_init__(self) -> None:
        self._target = self.target or Target.of(self.name)
        self.home = self._target.home
        self._program = toolchain.binary("pulumi")
        self._environment = operation_environment(self._target)

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
            PreviewOnly: a provider of the stack's cloud is only stood in for.
            Interrupted: it was stopped by SIGINT or SIGTERM.
        """
        return self._operate(operation, options)[0]

    def plan(self, *options: str) -> Plan:
        """What an update would do, resource by resource.

        Raises:
            PulumiFailed, Interrupted: see `run`.
        """
        result, output, timeline = self._operate(
            Operation.PREVIEW, ("--json", "--show-sames", *options)
        )
        plan = read_plan(output, timeline.done, changes=result.changes, seconds=result.seconds)
        return replace(plan, violations=tuple(timeline.violations))

    def _operate(
        self, operation: Operation, options: Sequence[str]
    ) -> tuple[Result, str, Timeline]:
        if operation is not Operation.PREVIEW and (absent := recorded(self._target)):
            raise PreviewOnly(
                f"stack {self.name!r} needs Pulumi's own provider for {' and '.join(absent)}, and "
                "it is not here; what stands in for it makes nothing.",
                next_step=f"`pulumi plugin install resource {absent[0]}` where there is a way "
                f"out; `./lab preview --stack {self.name}` works without it.",
            )
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
            on_stop=lambda: self.on_event(_stopping(timeline.running)),
        )
        log = self._log(operation, outcome.output, timeline)
        if outcome.interrupted:
            raise Interrupted(
                f"{operation.value} was stopped; {timeline.changed} changes are kept.",
                next_step=f"`./lab {_command(operation)}` goes on where it stopped.",
            )
        if outcome.returncode != 0:
            # The log of a temporary target is gone with it.
            gone = "correct what the message names; nothing was deployed."
            next_step = gone if self._target.temporary else f"read {log}."
            raise _failure(operation, timeline, outcome.output, next_step)
        result = Result(
            operation=operation,
            seconds=round(time.monotonic() - begin, 3),
            changes=timeline.changes,
            phases=tuple(timeline.phases()),
            steps=tuple(timeline.steps),
        )
        return result, outcome.output, timeline

    def take_over(self, deployment: Mapping[str, Any]) -> None:
        """Makes this the stack's state; see `pulumi stack import`."""
        with tempfile.TemporaryDirectory(prefix="lab-state-") as folder:
            file = Path(folder) / "state.json"
            file.write_text(json.dumps({"version": 3, "deployment": deployment}))
            self._pulumi("stack", "import", "--stack", self.name, "--file", str(file))

    def remove(self) -> None:
        """Forgets the stack; its resources must be gone."""
        self._pulumi("stack", "rm", "--stack", self.name, "--yes", "--preserve-config")

    def _options(self, operation: Operation) -> list[str]:
        options = ["--stack", self.name, "--non-interactive", "--suppress-progress"]
        options += ["--config-file", str(self._configuration())]
        if operation in (Operation.UP, Operation.PREVIEW):
            options += policies.options(self._target.lab, self._target.pulumi_home)
        if operation is not Operation.PREVIEW:
            options += ["--yes", "--skip-preview"]
        return options

    def _configuration(self) -> Path:
        """A copy of the stack's configuration into which Pulumi may write its salt."""
        tracked = self._target.file
        text = tracked.read_text()
        # Left there by a `pulumi` run by hand; it may belong to a lab that is long gone.
        clean = re.sub(r"^encryptionsalt:.*\n?", "", text, flags=re.MULTILINE)
        if clean != text:
            whole = tracked.with_name(f".{tracked.name}.new")
            whole.write_text(clean)
            whole.replace(tracked)
        copy = self._target.pulumi_home / f"Pulumi.{self.name}.yaml"
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


#: Faults that are told at once: a preview finds many, and each costs another one.
_SHOWN = 20


def _stopping(running: Sequence[str]) -> Diagnostic:
    """What is said at the first Ctrl-C: a playbook may take half a minute to its end."""
    steps = f" ({', '.join(running[:5])})" if running else ""
    return Diagnostic(
        "warning",
        f"stopping when the steps that run now are done{steps}; Ctrl-C again stops at once",
    )


def _denied(operation: Operation, said: Sequence[Violation]) -> PolicyViolated:
    denied = [entry for entry in said if entry.mandatory]
    told = dict.fromkeys(f"{entry.rule} at {entry.name}: {entry.message}" for entry in denied)
    more = f"\nand {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    error = PolicyViolated(
        f"{operation.value} was refused by policies:\n" + "\n".join(list(told)[:_SHOWN]) + more,
        next_step=f"`./lab policies explain {denied[0].rule}` says why the rule is there and how "
        "to satisfy it.",
    )
    error.violations = tuple(said)
    return error


def _command(operation: Operation) -> str:
    return "destroy --yes" if operation is Operation.DESTROY else "up"


#: How `str(LabError)` looks when it comes back through Pulumi from one of our plugins.
_LAB_ERROR = re.compile(r"(?P<code>LAB-\d{3}) (?P<message>.+?) Next: (?P<next>[^\n]+)", re.DOTALL)


def _failure(operation: Operation, timeline: Timeline, output: str, next_step: str) -> PulumiFailed:
    if any(entry.mandatory for entry in timeline.violations):
        return _denied(operation, timeline.violations)
    errors = timeline.errors()
    # The engine sums up at the end ("update failed"); the cause comes first.
    own = next((m for entry in errors if (m := _LAB_ERROR.search(entry.message))), None)
    if own:
        cause, next_step = f"{own['code']} {own['message'].strip()}", own["next"].strip()
    else:
        shown = errors if operation is Operation.PREVIEW else errors[:1]
        told = dict.fromkeys(entry.message for entry in shown)
        cause = "\n".join(list(told)[:_SHOWN]) or output.strip()[-800:] or "no message"
    where = f" at {errors[0].name}" if errors and errors[0].urn else ""
    if operation is Operation.PREVIEW or not timeline.changed:
        return PulumiFailed(f"{operation.value} failed{where}: {cause}", next_step=next_step)
    return OperationStopped(
        f"{operation.value} stopped{where}; {timeline.changed} changes are kept: {cause}",
        next_step=f"{next_step} Then `./lab {_command(operation)}` again: it goes on from there.",
    )
