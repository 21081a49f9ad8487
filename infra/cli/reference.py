"""Writes docs/reference/{errors,exit-codes}.md from the code; a test holds them to it.

Run `python -m infra.cli.reference` after a change.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from infra import paths
from infra.cli.exit_codes import MEANING
from infra.errors import LabError, tree

_GROUPS = {
    "1": "Configuration and command line",
    "2": "The machine that it runs on",
    "3": "Toolchain and images",
    "4": "Local machines",
    "5": "Ansible",
    "6": "Vault",
    "7": "Pulumi and its plugins",
    "8": "Verification, lifecycle and evidence",
    "9": "Sandboxes that people ask for",
}


def errors() -> str:
    """docs/reference/errors.md."""
    lines = [
        "# Errors",
        "",
        "Every error is printed as its code, the cause and the next step; with `--json` it is the",
        'document `{"error": {"code", "title", "message", "next_step"}}`. A code is never used',
        "again for something else. Set LAB_DEBUG=1 to see where in the code an error came from.",
        "This page is made from `infra/errors.py` by `python -m infra.cli.reference`.",
    ]
    group = ""
    for error in tree():
        if error.code[4] != group:
            group = error.code[4]
            lines += ["", f"## {_GROUPS[group]}", "", "| code | meaning | note |", "|---|---|---|"]
        lines.append(f"| {error.code} | {error.title} | {_note(error)} |")
    return "\n".join(lines) + "\n"


def _note(error: type[LabError]) -> str:
    """The class's own docstring, not one that it inherits."""
    return " ".join(inspect.cleandoc(error.__dict__.get("__doc__") or "").split())


def exit_codes() -> str:
    """docs/reference/exit-codes.md."""
    lines = [
        "# Exit status of every `lab` command",
        "",
        "| status | meaning |",
        "|---:|---|",
        *(f"| {code.value} | {meaning} |" for code, meaning in MEANING.items()),
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Writes all pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "errors.md").write_text(errors())
    (folder / "exit-codes.md").write_text(exit_codes())


if __name__ == "__main__":
    write(paths.REPOSITORY / "docs" / "reference")
