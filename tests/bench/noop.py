"""How long a `pulumi up` takes that has nothing to do: `python -m tests.bench.noop`.

Needs a lab that is up (`--stack`). A program of its own, with a state of its own, makes 50, 200 and
400 ConfigMaps in a namespace that it removes at the end; then plain `pulumi up` runs again and
again. Prints the distribution for each size and the slope between them, for the quick form and for
the one that reads the real state first (`--refresh`). Asserts nothing: a busy host is slow, not
broken.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.engine import environment
from tests.bench.figures import spread

#: Goals of the project: seconds for 200 resources, and for each further one.
GOAL_UP, GOAL_SLOPE = 10.0, 0.010
SIZES = (50, 200, 400)

_PROJECT = "name: bench\nruntime:\n  name: python\n"
_PROGRAM = """
import os
from pulumi import ResourceOptions
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace

provider = Provider("bench", kubeconfig=os.environ["KUBECONFIG"])
opts = ResourceOptions(provider=provider)
namespace = Namespace("bench", metadata={"name": os.environ["BENCH_NAMESPACE"]}, opts=opts)
opts = ResourceOptions(provider=provider, depends_on=[namespace])
for number in range(int(os.environ["BENCH_SIZE"])):
    name = f"map-{number}"
    metadata = {"name": name, "namespace": os.environ["BENCH_NAMESPACE"]}
    ConfigMap(name, metadata=metadata, data={"number": str(number)}, opts=opts)
"""


class Stack:
    """A throw-away project with its own state, over the cluster of a lab that is up."""

    def __init__(self, folder: Path, lab: str) -> None:
        self._folder = folder
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text(_PROJECT)
        (folder / "__main__.py").write_text(_PROGRAM)
        passphrase = folder / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_hex(16))
        self._environment = os.environ | environment(lab)
        self._environment |= {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_STACK": "bench",
            "BENCH_NAMESPACE": f"lab-bench-{secrets.token_hex(4)}",
            "BENCH_SIZE": "0",
        }
        self.pulumi("stack", "init", "bench")

    def pulumi(self, *words: str, size: int = 0) -> float:
        """Runs one command; returns its seconds."""
        begin = time.monotonic()
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self._folder,
            env=self._environment | {"BENCH_SIZE": str(size)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"pulumi {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return time.monotonic() - begin


def measure(stack: Stack, runs: int, *options: str) -> None:
    """Prints a row for each size, and the slope between the smallest and the largest."""
    words = ("up", "--yes", "--skip-preview", *options)
    medians = {}
    for size in SIZES:
        stack.pulumi("up", "--yes", "--skip-preview", size=size)
        seconds = [stack.pulumi(*words, "--expect-no-changes", size=size) for _ in range(runs)]
        medians[size] = statistics.median(seconds)
        print(f"{' '.join(words):<40} {size:>4} resources  {spread(seconds)}", flush=True)
    slope = (medians[SIZES[-1]] - medians[SIZES[0]]) / (SIZES[-1] - SIZES[0])
    print(f"{'':<40} each further one: {slope * 1000:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", default="local")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    print(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; seconds: least, median, most"
    )
    print(f"goals: 200 resources {GOAL_UP} s, each further one {GOAL_SLOPE * 1000:.0f} ms")
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        stack = Stack(Path(folder), given.stack)
        try:
            measure(stack, given.runs)
            measure(stack, given.runs, "--refresh")
        finally:
            stack.pulumi("destroy", "--yes", "--skip-preview")


if __name__ == "__main__":
    main()
