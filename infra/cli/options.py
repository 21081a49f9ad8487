"""Options that several commands share, and the two ways of answering."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.errors import NotConfirmed

Stack = Annotated[
    str,
    typer.Option(
        "--stack",
        "-s",
        envvar="LAB_STACK",
        help="Which lab: a file of stacks/config.",
        show_default=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")]

#: Progress and everything else that is for people only; stdout is for results.
errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """The one thing that a command with --json writes to stdout."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def confirm(question: str, *, yes: bool) -> None:
    """Asks before something is lost.

    Raises:
        NotConfirmed: the answer was no, or there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"{question} Nobody can be asked here.", next_step="add --yes if that is meant."
        )
    if not typer.confirm(question, err=True):
        raise NotConfirmed("nothing was done.", next_step="run it again when you are sure.")
