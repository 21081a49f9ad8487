"""`lab verify --json`, run as a user runs it, and its report."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from infra import paths
from infra.cli.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Verification:
    """What one run of `lab verify` said."""

    status: int
    document: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Exit status 0, nothing failed, and something was checked."""
        return self.status == 0 and not self.document["failed"] and self.document["passed"] > 0

    @property
    def failed(self) -> dict[str, str]:
        """Messages of failed checks by id."""
        return {
            check["id"]: check["message"]
            for check in self.document["checks"]
            if check["outcome"] == "failed"
        }

    def names(self, pattern: str) -> bool:
        """Whether a failed check has this id; `*` stands for anything, brackets for themselves."""
        literal = pattern.replace("[", "[[]")
        return any(fnmatchcase(id_, literal) for id_ in self.failed)


def verify(stack: str, *only: str, timeout: float = 300) -> Verification:
    """Runs `lab verify --json` with `--only` for each pattern."""
    words = [word for pattern in only for word in ("--only", pattern)]
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "verify", "--stack", stack, "--json", *words],
        cwd=paths.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode in (ExitCode.OK, ExitCode.FAILED), (
        f"`lab verify` ended with {done.returncode}: {done.stderr[-2000:]}"
    )
    return Verification(done.returncode, json.loads(done.stdout))
