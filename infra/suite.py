"""Everything that `lab test` runs: how the code is written, what it does, and the live lab."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from infra import lifecycle, paths, toolchain, verify
from infra.engine import process
from infra.errors import LabError
from infra.verify import JUDGES, LIVE

#: Share of branches of infra/ that the tests without a lab must cover (per cent).
COVERAGE = 90
#: Folders of the tests that need no lab.
OFFLINE_TESTS = ("tests/unit", "tests/policies", "tests/golden")
#: Proofs that make machines of their own and take long; only `--long` runs them.
LONG_TESTS = "tests/long"
#: Tests that need no lab either, but the programs that the toolchain builds.
INTEGRATION_TESTS = "tests/integration"
#: Tools of the toolchain that judge a lab from outside.
JUDGING = ("kube-bench",)

_BIN = Path(sys.prefix) / "bin"


@dataclass(frozen=True, slots=True)
class Linter:
    """A check of the sources, run in a folder of the checkout."""

    name: str
    command: tuple[str, ...]
    folder: str = "."


LINTERS = (
    Linter("lint", ("ruff", "check", ".")),
    Linter("format", ("ruff", "format", "--check", ".")),
    Linter("types", ("mypy",)),
    Linter("imports", ("lint-imports",)),
    # Beside ansible.cfg, which says where the modules of our own are.
    Linter("roles", ("ansible-lint", "--offline", "-q"), "ansible"),
)


@dataclass(slots=True)
class Totals:
    """What all parts found; `failed` counts broken linters and parts that could not start."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    parts: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, passed: int, failed: int, skipped: int) -> None:
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.parts[part] = "failed" if failed else "passed"

    @property
    def ok(self) -> bool:
        return self.failed == 0 and self.passed > 0

    def closing_line(self, seconds: float) -> str:
        """In the form of pytest's own, which CI systems look for."""
        counts = [f"{self.failed} failed"] if self.failed else []
        counts.append(f"{self.passed} passed")
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        return f"{', '.join(counts)} in {seconds:.2f}s".join(("=" * 20 + " ", " " + "=" * 20))


@dataclass(slots=True)
class Suite:
    """One run over the checkout. `report` gets a line for each part.

    With `faults`, what breaks the lab during operations is tried as well, which takes long.
    """

    stack: str
    report: Callable[[str], None]
    faults: bool = False
    totals: Totals = field(default_factory=Totals)

    def run(self, *, offline: bool, live: bool) -> Totals:
        """Runs the parts that are asked for; goes on after a fault, so that all are seen."""
        if offline:
            self._sources()
            if live:
                # Both the integration tests and the lab need them.
                self._step("toolchain", "toolchain", "build")
            self._offline_tests()
        if live:
            self._live_tests()
        return self.totals

    def run_long(self) -> Totals:
        """The long proofs alone. Their last results are kept by hand in docs/proofs.md."""
        if self._step("toolchain", "toolchain", "build"):
            self.report("long proofs")
            self._pytest("long", [LONG_TESTS, "-v", "--durations=0"])
        return self.totals

    def _sources(self) -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            for linter, done in zip(LINTERS, pool.map(_captured, LINTERS), strict=True):
                good = done.returncode == 0
                self.report(f"{linter.name}: {'passed' if good else 'FAILED'}")
                if not good:
                    sys.stdout.write(done.stdout)
                self.totals.add(linter.name, int(good), int(not good), 0)

    def _offline_tests(self) -> None:
        folders = list(OFFLINE_TESTS)
        if toolchain.missing():
            self.report("tests without a lab; integration tests are left out: tools are missing")
        else:
            self.report("tests without a lab")
            folders.append(INTEGRATION_TESTS)
        present = [folder for folder in folders if (paths.REPOSITORY / folder).is_dir()]
        options = ["-q", "-n", "auto", "--dist", "worksteal"]
        options += [
            "--cov=infra",
            "--cov=policies",
            "--cov-branch",
            "--cov-report=term:skip-covered",
        ]
        # Too little coverage fails the run although every test passed.
        self._pytest("unit", [*present, *options, f"--cov-fail-under={COVERAGE}"])

    def _pytest(self, part: str, words: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="lab-test-") as folder:
            junit = Path(folder) / "junit.xml"
            command = [str(_BIN / "python"), "-P", "-m", "pytest", *words, "--tb=short"]
            command += ["--junitxml", str(junit)]
            status = process.attend(command, environment=os.environ, folder=paths.REPOSITORY)
            passed, failed, skipped = count_junit(junit)
        self.totals.add(part, passed, failed or int(status != 0), skipped)

    def _live_tests(self) -> None:
        """Checks a lab. What changes or removes it is tried only on one that was started here."""
        started = not lifecycle.is_up(self.stack)
        if started and not self._step("up", "up", "--yes", "--stack", self.stack):
            self.report("live tests cannot start without a lab")
            return
        self._checks("live")
        if started:
            if self._step("judges", "toolchain", "build", *JUDGING):
                self._checks("judges", tests=JUDGES)
            self._checks("sandbox service", tests=LIVE / "sandbox_service")
            self._checks("attacks", tests=LIVE / "attacks")
            self._checks("protections", tests=LIVE / "protections")
            slow = "" if self.faults else "not slow"
            self._checks("lifecycle", tests=LIVE / "lifecycle", markers=slow)
            self._step("destroy", "destroy", "--yes", "--stack", self.stack)

    def _checks(self, part: str, *, tests: Path = LIVE, markers: str = "") -> None:
        self.report(f"{part} tests")
        try:
            found = verify.run(self.stack, tests=tests, markers=markers)
        except LabError as error:
            self.report(f"{part}: FAILED, {error}")
            self.totals.add(part, 0, 1, 0)
            return
        # A skip that does not say why counts as failed.
        passed, failed = found.count("passed"), len(found.faults)
        self.totals.add(part, passed, failed, len(found.checks) - passed - failed)
        for fault in found.faults:
            self.report(f"  {fault.outcome} {fault.area}/{fault.id}: {fault.message}")

    def _step(self, part: str, *words: str) -> bool:
        """A command of ours that must succeed; only its failure counts in the totals."""
        command = [str(paths.REPOSITORY / "lab"), *words]
        self.report(f"lab {' '.join(words)}")
        status = process.attend(
            command, environment=os.environ, folder=paths.REPOSITORY, stdout=sys.stderr
        )
        self.totals.add(part, 0, int(status != 0), 0)
        return status == 0


def _captured(linter: Linter) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run(
        [str(_BIN / linter.command[0]), *linter.command[1:]],
        cwd=paths.REPOSITORY / linter.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def count_junit(file: Path) -> tuple[int, int, int]:
    """Passed, failed (errors too) and skipped tests of a JUnit file; none if it is not there."""
    if not file.is_file():
        return 0, 0, 0
    suites = list(ET.parse(file).getroot().iter("testsuite"))  # noqa: S314 # our own file

    def total(name: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites)

    failed, skipped = total("failures") + total("errors"), total("skipped")
    return total("tests") - failed - skipped, failed, skipped
