"""Measures `lab up` as a user feels it: whole commands, started as processes, wall seconds."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra import paths
from infra.errors import BenchmarkInvalid

#: Upper limits (seconds, bytes) on two cores with binaries and base image on disk.
LIMITS = {"up": 120.0, "noop": 20.0, "destroy": 30.0}
MEMORY_LIMIT = 2.5 * 1024**3


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a lab. Seconds; memory (bytes) right after `up`."""

    up: float
    noop: float
    destroy: float
    memory: int
    phases: dict[str, float]


def measure(stack: str, runs: int, report: Callable[[str], None]) -> list[Run]:
    """Makes and removes the lab `runs` times.

    Raises:
        BenchmarkInvalid: a command failed, or an `up` with nothing to do changed something.
    """
    measured = []
    for number in range(1, runs + 1):
        report(f"run {number} of {runs}")
        up, made = _timed("up", stack)
        noop, again = _timed("up", stack)
        changed = sum(n for op, n in again["changes"].items() if op != "same")
        if changed:
            raise BenchmarkInvalid(
                f"a second `up` changed {changed} resources: {again['changes']}.",
                next_step="`./lab preview` names them; a second run must change nothing.",
            )
        destroy, _ = _timed("destroy", stack)
        memory = sum(machine["memory_bytes"] for machine in made["status"]["machines"])
        measured.append(Run(up, noop, destroy, memory, made["phases"]))
        report(f"  up {up:.1f} s, noop {noop:.1f} s, destroy {destroy:.1f} s")
    return measured


def _timed(command: str, stack: str) -> tuple[float, dict[str, Any]]:
    words = [str(paths.REPOSITORY / "lab"), command, "--stack", stack, "--yes", "--json"]
    begin = time.monotonic()
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )
    seconds = round(time.monotonic() - begin, 3)
    if done.returncode != 0:
        raise BenchmarkInvalid(
            f"`lab {command}` ended with {done.returncode}.",
            next_step="see its messages above; `./lab status` says what is there now.",
        )
    return seconds, json.loads(done.stdout)


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Medians over all runs; the document of `lab bench up --json`."""
    names = list(dict.fromkeys(name for run in runs for name in run.phases))
    memory = int(statistics.median(run.memory for run in runs))
    medians = {
        name: statistics.median(getattr(run, name) for run in runs)
        for name in ("up", "noop", "destroy")
    }
    return {
        **medians,
        "memory_bytes": memory,
        "phases": {
            name: statistics.median(run.phases.get(name, 0.0) for run in runs) for name in names
        },
        "runs": len(runs),
        "within_limits": memory <= MEMORY_LIMIT
        and all(medians[name] <= limit for name, limit in LIMITS.items()),
    }


def table(document: dict[str, Any]) -> str:
    """The summary as a markdown table with the limit beside each measure."""
    lines = [f"| median of {document['runs']} | measured | limit |", "|---|---:|---:|"]
    for name, limit in LIMITS.items():
        lines.append(f"| {name} | {document[name]:.1f} s | {limit:.0f} s |")
    lines.append(
        f"| memory of all machines | {document['memory_bytes'] / 2**30:.2f} GiB "
        f"| {MEMORY_LIMIT / 2**30:.1f} GiB |"
    )
    lines += [f"| up: {name} | {seconds:.1f} s | |" for name, seconds in document["phases"].items()]
    return "\n".join(lines)
