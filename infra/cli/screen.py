"""Progress for people: a live list of what runs now on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from infra.cli import options
from infra.engine.events import UNCHANGED, Diagnostic, Event, ResourceEvent, Violation

_VERBS = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "made anew",
    "delete-replaced": "deleted the old",
    "import": "imported",
}
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
#: Bookkeeping of the engine that does no work of its own.
_QUIET_TYPES = ("pulumi:",)


@dataclass(slots=True)
class _Running:
    """Something that goes on; `patience` seconds pass before it is worth showing."""

    title: str
    since: float = field(default_factory=time.monotonic)
    detail: str = ""
    patience: float = 0.0


@dataclass
class Screen:
    """Shows steps, notes, the toolchain's work and Pulumi's events on stderr."""

    console: Console = field(default_factory=lambda: options.errors)
    _running: dict[str, _Running] = field(default_factory=dict)
    _begin: float = field(default_factory=time.monotonic)
    _live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                console=self.console,
                get_renderable=self._render,
                transient=True,
                refresh_per_second=8,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def step(self, title: str) -> None:
        """A new part of the work begins."""
        self._line(title, style="bold")

    def note(self, text: str) -> None:
        """Something the user should know."""
        self._line(f"  {text}", style="yellow")

    def event(self, event: Event) -> None:
        """Something happened in a Pulumi operation."""
        match event:
            case ResourceEvent() if not event.type.startswith(_QUIET_TYPES):
                self._resource(event)
            case Diagnostic(ephemeral=True) if event.urn in self._running:
                self._running[event.urn].detail = event.message
            case Violation():
                self._violation(event)
            case Diagnostic(severity="warning") if "$PATH" not in event.message:
                # The engine warns of every plugin that it finds on PATH; ours are meant to be.
                self.note(event.message)

    def begin(self, name: str, action: str, log: Path) -> None:
        """Work on a tool, image or chart begins."""
        self._running[name] = _Running(f"{name}: {action}")
        if self._live is None:
            self._line(f"  {name}: {action} (log: {log})", style="")

    def line(self, name: str, text: str) -> None:
        """One line of output of the work on a tool."""
        if name in self._running:
            self._running[name].detail = text

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """Work on a tool, image or chart ended."""
        self._running.pop(name, None)
        verb, style = ("FAILED", "red") if failed else ("made", "")
        self._line(f"  {verb:<10} {name}  {seconds:.1f} s", style=style)

    def _resource(self, event: ResourceEvent) -> None:
        title = f"{event.type.rsplit(':', 1)[-1]} {event.name}"
        if event.state == "started":
            patience = 1.0 if event.operation in UNCHANGED else 0.0
            self._running[event.urn] = _Running(title, patience=patience)
            return
        running = self._running.pop(event.urn, None)
        if event.state == "done" and event.operation in UNCHANGED:
            return
        seconds = time.monotonic() - running.since if running else 0.0
        verb = "FAILED" if event.state == "failed" else _VERBS.get(event.operation, event.operation)
        self._line(
            f"  {verb:<10} {title}  {seconds:.1f} s",
            style="red" if event.state == "failed" else "",
        )

    def _violation(self, event: Violation) -> None:
        style = "red" if event.mandatory else "yellow"
        where = f" at {event.name}" if event.name else ""
        for line in f"policy {event.rule}{where}: {event.message}".splitlines():
            self._line(f"  {line}", style=style)

    def _line(self, text: str, *, style: str) -> None:
        elapsed = time.monotonic() - self._begin
        self.console.print(Text(f"{elapsed:6.1f}s  ", style="dim").append(text, style=style))

    def _render(self) -> RenderableType:
        now = time.monotonic()
        return Group(
            *(
                self._row(running, now - running.since)
                for running in list(self._running.values())
                if now - running.since >= running.patience
            )
        )

    def _row(self, running: _Running, seconds: float) -> Text:
        head = f"{_FRAMES[int(seconds * 8) % len(_FRAMES)]} {running.title}  {seconds:.0f} s  "
        room = max(self.console.width - len(head) - 1, 0)
        return Text(head).append(running.detail[:room], style="dim")
