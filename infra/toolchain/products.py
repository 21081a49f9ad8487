"""One thing that the toolchain makes, and its place in the cache."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from infra import paths
from infra.errors import ToolBuildFailed
from infra.toolchain.progress import Progress

#: Lines of a failed build's output that go into the error.
_TAIL = 15


@dataclass(slots=True)
class Workshop:
    """What a product is made in: folders on the cache's own file system, and the log."""

    #: Product's name, for progress and errors.
    name: str
    #: Where the product's files go, and nothing else.
    out: Path
    #: For everything else; removed afterwards.
    work: Path
    log: TextIO
    progress: Progress
    #: Compile everything anew instead of taking it from the compiler's own cache.
    cold: bool = False

    def say(self, text: str) -> None:
        """Adds a line to the log and shows it."""
        self.log.write(text + "\n")
        self.log.flush()
        self.progress.line(self.name, text)

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Runs a program to its end, with its output in the log; returns its lines.

        Raises:
            ToolBuildFailed: it failed or does not exist; the message has its last lines.
        """
        self.say(f"$ {' '.join(command)}")
        lines: list[str] = []
        try:
            # setpriv: when this process is killed, the program is as well.
            with subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                cwd=folder or self.work,
                env=dict(os.environ if environment is None else environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as child:
                for line in child.stdout or ():
                    lines.append(line.rstrip("\n"))
                    self.say(lines[-1])
        except OSError as error:
            raise self.failure(f"{command[0]} could not be started: {error}.") from error
        if child.returncode != 0:
            tail = "\n".join(lines[-_TAIL:])
            raise self.failure(f"{command[0]} ended with {child.returncode}:\n{tail}\n")
        return lines

    def failure(self, message: str) -> ToolBuildFailed:
        """The error for a product that could not be made."""
        return ToolBuildFailed(
            f"{self.name}: {message}",
            next_step=f"read {self.log.name}, then run the same command again; "
            "what was compiled is kept.",
        )


@dataclass(frozen=True, slots=True)
class Product:
    """A tool, an image, a chart, or the root of the machines."""

    #: Folder of the cache: tools, images, charts or machines.
    group: str
    name: str
    version: str
    #: Hex digest of everything that it is made from.
    digest: str
    #: Files that it consists of.
    files: tuple[str, ...]
    make: Callable[[Workshop], None] = field(repr=False, compare=False)
    #: Names of products that must be there before it can be made.
    needs: tuple[str, ...] = ()

    @property
    def relative(self) -> str:
        """Its folder below the cache."""
        return f"{self.group}/{self.name}-{self.version}-{self.digest[:12]}"

    @property
    def folder(self) -> Path:
        return paths.cache() / self.relative

    @property
    def log(self) -> Path:
        """The log of its last build."""
        return paths.cache() / "logs" / f"{self.name}.log"


class Stopwatch:
    """Wall seconds since it was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin
