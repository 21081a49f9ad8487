"""How long previews take: `python -m tests.bench.preview [--runs N] [EXAMPLE...]`.

Prints the distribution of wall time and of CPU time for each example, and what importing its
program costs beside importing Pulumi alone. Asserts nothing: a busy host is slow, not broken. CPU
time says more than wall time where other work runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from infra import config, paths, preview
from infra.engine import policies
from infra.engine.events import Event
from tests.bench.figures import spread

EXAMPLES = paths.REPOSITORY / "examples" / "valid"
#: Goals of the project: seconds for a preview of about 150 resources, and for the import.
GOAL_PREVIEW, GOAL_IMPORT = 8.0, 2.0
#: Per cent that policies may add to a preview of about 150 resources.
GOAL_POLICIES = 15

#: Loads everything that the program of a ground loads by and by, as infra.offline.language does:
#: without the garbage collector.
_IMPORT = """
import gc; gc.disable()
import importlib, stacks.{ground}
try:
    sdk = importlib.import_module("infra.clouds.{ground}.sdk")
except ModuleNotFoundError:
    sdk = None
for name, module in vars(sdk or object()).items() if sdk else ():
    if not name.startswith("_") and type(module).__name__ in ("module", "_LazyModule", "_Module"):
        getattr(module, "__all__", None), dir(module)
"""


class Silent:
    """Takes messages and does nothing."""

    def note(self, text: str) -> None:
        """Nobody looks."""

    def event(self, event: Event) -> None:
        """Nobody looks."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one run: by the clock, and of all processors in it and its children."""

    wall: float
    cpu: float


def sample(work: Callable[[], object]) -> Sample:
    before, begin = os.times(), time.monotonic()
    work()
    wall, after = time.monotonic() - begin, os.times()
    spent = [
        getattr(after, name) - getattr(before, name)
        for name in ("user", "system", "children_user", "children_system")
    ]
    return Sample(wall, sum(spent))


def shown(title: str, samples: Sequence[Sample], note: str = "") -> None:
    walls, cpus = [one.wall for one in samples], [one.cpu for one in samples]
    print(f"{title:<34} wall {spread(walls)}   cpu {spread(cpus)}   {note}", flush=True)


def python(program: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(paths.cache() / "bytecode")}
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=environment, cwd=paths.REPOSITORY
    )


def without_policies(work: Callable[[], object]) -> None:
    """The same without the policy pack."""
    with mock.patch.object(policies, "options", return_value=[]):
        work()


def measure(file: Path, runs: int) -> None:
    ground = config.load_file(file).ground
    count = 0

    def once() -> None:
        nonlocal count
        count = len(preview.of_file(file, Silent(), offline=True).resources)

    once()  # the first one compiles
    pairs = [(sample(once), sample(lambda: without_policies(once))) for _ in range(runs)]
    samples = [with_ for with_, _ in pairs]
    walls = [with_.wall / without.wall * 100 - 100 for with_, without in pairs]
    cpus = [with_.cpu / without.cpu * 100 - 100 for with_, without in pairs]
    each = statistics.median(one.cpu for one in samples) / count * 1000
    shown(f"preview {file.stem}", samples, f"{count} resources, {each:.0f} ms of cpu each")
    print(f"{'  policies add':<34} wall {spread(walls)} %   cpu {spread(cpus)} %", flush=True)
    program = _IMPORT.format(ground=ground)
    python(program)
    shown(f"import of stacks.{ground}", [sample(lambda: python(program)) for _ in range(runs)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", default=["aws-least", "azure-least"])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}; seconds: least, median, most")
    print(
        f"goals: preview of 150 resources {GOAL_PREVIEW} s, of which policies {GOAL_POLICIES} %; "
        f"import {GOAL_IMPORT} s"
    )
    shown("import of pulumi", [sample(lambda: python("import pulumi")) for _ in range(given.runs)])
    for name in given.examples:
        measure(EXAMPLES / f"{name}.yaml", given.runs)


if __name__ == "__main__":
    main()
