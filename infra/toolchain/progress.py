"""How the toolchain tells what it is doing: a protocol, and two ways of showing it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


class Progress(Protocol):
    """Told about every tool, image or chart that is not simply there."""

    def begin(self, name: str, action: str, log: Path) -> None:
        """Work on `name` begins.

        Args:
            name: tool, image or chart.
            action: such as "building" or "fetching from the mirror".
            log: file that every line is also written to.
        """

    def line(self, name: str, text: str) -> None:
        """One line of output of the work on `name`."""

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """Work on `name` ended after so many seconds."""


class SilentProgress:
    """Shows nothing; for callers that only want the result."""

    def begin(self, name: str, action: str, log: Path) -> None:
        """Nothing is shown."""

    def line(self, name: str, text: str) -> None:
        """Nothing is shown."""

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """Nothing is shown."""


@dataclass
class PlainProgress:
    """One line when something begins and one when it ends, for logs and pipes."""

    console: Console

    def begin(self, name: str, action: str, log: Path) -> None:
        self.console.print(f"{name}: {action} (log: {log})", markup=False, soft_wrap=True)

    def line(self, name: str, text: str) -> None:
        """Only the log file has the details."""

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        self.console.print(f"{name}: {_outcome(failed)} {seconds:.1f} s", markup=False)


@dataclass
class RichProgress:
    """A spinner with the elapsed time and the last line of output, for terminals."""

    console: Console
    _title: str = ""
    _detail: str = ""
    _since: float = 0.0
    _live: Live | None = field(default=None, repr=False)

    def begin(self, name: str, action: str, log: Path) -> None:
        self._title, self._detail, self._since = f"{name}: {action}", "", time.monotonic()
        self._spinner = Spinner("dots")
        self._live = Live(
            console=self.console,
            get_renderable=self._render,
            transient=True,
            refresh_per_second=8,
        )
        self._live.start()

    def line(self, name: str, text: str) -> None:
        self._detail = text

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        style = "red" if failed else "green"
        self.console.print(
            Text(f"{seconds:6.1f}s  ", style="dim").append(
                f"{name} {_outcome(failed)}", style=style
            )
        )

    def _render(self) -> Spinner:
        elapsed = time.monotonic() - self._since
        room = max(self.console.width - len(self._title) - 12, 0)
        text = Text(f"{self._title}  {elapsed:.0f} s  ").append(self._detail[:room], style="dim")
        self._spinner.update(text=text)
        return self._spinner


def for_console(console: Console) -> Progress:
    """The way of showing that suits the console."""
    return RichProgress(console) if console.is_terminal else PlainProgress(console)


def _outcome(failed: bool) -> str:
    return "FAILED after" if failed else "done in"
