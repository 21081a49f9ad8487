"""What checkov says of a plan in a form that it reads, and which of it is kept with a reason."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import judges

#: Check -> end of the resource's name ("" for all) or several ends, and why it stays.
Accepted = Mapping[str, tuple[str | tuple[str, ...], str]]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Each as (check, resource)."""

    failed: frozenset[tuple[str, str]]
    passed: frozenset[tuple[str, str]]

    def besides(self, accepted: Accepted) -> set[tuple[str, str]]:
        """What fails and is not known."""
        return {
            (check, resource)
            for check, resource in self.failed
            if not _ends(resource, check, accepted)
        }


def judge(plan: Mapping[str, Any], folder: Path, *, framework: str, file: str) -> Verdicts:
    """Runs checkov over one file.

    Args:
        plan: the file's content.
        folder: empty; the file and what checkov keeps go there.
        framework: checkov's name of the form.
        file: a name by which checkov knows that form.
    """
    (folder / file).write_text(json.dumps(plan))
    command = [str(judges.environment("checkov") / "checkov"), "-d", str(folder)]
    command += ["--framework", framework, "-o", "json", "--skip-download"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        # It asks for its own newest version otherwise.
        env={**os.environ, "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false", "HOME": str(folder)},
    )
    assert done.stdout.strip(), done.stderr
    answer = json.loads(done.stdout)
    assert answer["summary"]["parsing_errors"] == 0
    results = answer["results"]
    return Verdicts(_named(results["failed_checks"]), _named(results["passed_checks"]))


def _named(records: list[dict[str, Any]]) -> frozenset[tuple[str, str]]:
    return frozenset((one["check_id"], one["resource"]) for one in records)


def _ends(resource: str, check: str, accepted: Accepted) -> bool:
    return check in accepted and resource.endswith(accepted[check][0])
