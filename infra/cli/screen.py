"""Progress for people: a live list of what runs now on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from infra.cli import options
from infra.engine.events import UNCHANGED, Diagnostic, Event, ResourceEvent

_VERBS = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "made anew",
    "delete-replaced": "deleted the old",
    "import": "imported",
}
#: Bookkeeping of the engine that does no work of its own.
_QUIET_TYPES = ("pulumi:",)


@dataclass(slots=True)
class _Running:
    event: ResourceEvent
    since: float
    detail: str = ""


@dataclass
class Screen:
    """Shows steps, notes and Pulumi's events on stderr."""

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
            case Diagnostic(severity="warning") if "$PATH" not in event.message:
                # The engine warns of every plugin that it finds on PATH; ours are meant to be.
                self.note(event.message)

    def _resource(self, event: ResourceEvent) -> None:
        if event.state == "started":
            self._running[event.urn] = _Running(event, time.monotonic())
            return
        running = self._running.pop(event.urn, None)
        if event.state == "done" and event.operation in UNCHANGED:
            return
        seconds = time.monotonic() - running.since if running else 0.0
        verb = "FAILED" if event.state == "failed" else _VERBS.get(event.operation, event.operation)
        self._line(
            f"  {verb:<10} {_short(event.type)} {event.name}  {seconds:.1f} s",
            style="red" if event.state == "failed" else "",
        )

    def _line(self, text: str, *, style: str) -> None:
        elapsed = time.monotonic() - self._begin
        self.console.print(Text(f"{elapsed:6.1f}s  ", style="dim").append(text, style=style))

    def _render(self) -> RenderableType:
        now = time.monotonic()
        rows = [
            Spinner(
                "dots",
                Text(f"{_short(r.event.type)} {r.event.name}  {now - r.since:.0f} s  ").append(
                    r.detail, style="dim"
                ),
            )
            for r in sorted(self._running.values(), key=lambda r: r.since)
            if r.event.operation not in UNCHANGED or now - r.since > 1
        ]
        return Group(*rows)


def _short(type_: str) -> str:
    return type_.rsplit(":", 1)[-1]
