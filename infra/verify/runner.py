"""Runs the live checks in a process of their own and reads what they found."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra import paths
from infra.engine import process
from infra.engine.environment import environment
from infra.errors import BadUsage, VerificationFailed

LIVE = Path("tests/live")
#: What others say of a lab; it needs programs that no lab needs.
JUDGES = LIVE / "judges"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `outcome` is passed, failed or skipped; `message` says why it did not pass."""

    id: str
    area: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a run."""

    checks: tuple[Check, ...]

    def count(self, outcome: str) -> int:
        return sum(1 for check in self.checks if check.outcome == outcome)

    @property
    def ok(self) -> bool:
        """True if something was checked, nothing failed, and every skip says why."""
        return self.count("passed") > 0 and not self.faults

    @property
    def faults(self) -> list[Check]:
        """Failed checks, and skipped ones that do not say why."""
        return [
            check
            for check in self.checks
            if check.outcome == "failed" or (check.outcome == "skipped" and not check.message)
        ]

    def as_dict(self) -> dict[str, Any]:
        """The document of `lab verify --json`."""
        counts = {outcome: self.count(outcome) for outcome in ("passed", "failed", "skipped")}
        return {**counts, "ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def run(
    stack: str,
    *,
    only: Sequence[str] = (),
    junit: Path | None = None,
    tests: Path = LIVE,
    markers: str = "",
    judges: bool = False,
) -> Report:
    """Runs the checks against the running lab; pytest's own words go to stderr.

    Args:
        stack: the lab.
        only: areas or patterns of check ids; none means all.
        junit: where to write JUnit's XML.
        tests: folder of the checks, relative to the checkout.
        markers: pytest's expression over markers; empty means all.
        judges: ask outside judges as well, which are built by their names.

    Raises:
        BadUsage: something in `only` means no check.
        VerificationFailed: the checks could not be run to their end.
    """
    with tempfile.TemporaryDirectory(prefix="lab-verify-") as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, "-P", "-m", "pytest", str(tests)]
        command += [str(JUDGES)] if judges else []
        command += ["-p", "infra.verify.plugin", "--lab-report", str(file), "--tb=short", "-q"]
        command += [word for pattern in only for word in ("--lab-only", pattern)]
        command += ["--junitxml", str(junit.resolve())] if junit else []
        command += ["-m", markers] if markers else []
        status = process.attend(
            command,
            # Options for pytest at large (some choose tests) are not meant for the checks.
            environment={**os.environ, **environment(stack), "PYTEST_ADDOPTS": ""},
            folder=paths.REPOSITORY,
            stdout=sys.stderr,
        )
        found = json.loads(file.read_text()) if file.is_file() else {"unknown": []}
        if found["unknown"]:
            raise BadUsage(
                f"no check has the area or id {', '.join(found['unknown'])}.",
                next_step="`./lab verify --json` lists all areas and ids.",
            )
        if status not in (0, 1) or "checks" not in found:
            raise VerificationFailed(
                f"the checks did not run to their end (pytest ended with {status}).",
                next_step="see pytest's messages above.",
            )
        return Report(tuple(Check(**entry) for entry in found["checks"]))
