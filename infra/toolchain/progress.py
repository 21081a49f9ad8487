"""How the toolchain tells what it is doing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """Told about every tool, image or chart that is not simply there."""

    def begin(self, name: str, action: str, log: Path) -> None:
        """Work on `name` begins.

        Args:
            name: tool, image or chart.
            action: such as "building 1.2.3".
            log: file that every line is also written to.
        """

    def line(self, name: str, text: str) -> None:
        """One line of output of the work on `name`."""

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """Work on `name` ended after so many seconds."""
