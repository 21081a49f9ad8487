"""`lab up`."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli import show
from infra.cli.options import Json, Stack, Yes, output, print_json


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    refresh: Annotated[
        bool,
        typer.Option(help="Read the real state of everything first, and put right what differs."),
    ] = True,
) -> None:
    """Make the lab what its configuration says; run it again after any fault.

    Checks this host, builds what tools are missing (about 35 minutes the first time, on two
    cores), then deploys with Pulumi (about two minutes). Asks only before it installs Debian
    packages.

    For example:

    - `./lab up`
    - `./lab up --yes --json`
    """
    from infra import lifecycle
    from infra.cli.screen import Screen

    del yes  # The script `lab` asks about Debian packages; there is no other question.
    with Screen() as screen:
        report = lifecycle.up(stack, screen, refresh=refresh)
    document = lifecycle.status(stack)
    if as_json:
        print_json(
            {
                "seconds": report.seconds,
                "phases": report.phases,
                "changes": report.result.changes,
                "warnings": list(report.warnings),
                "status": document,
            }
        )
        return
    output.print(show.lab(document))
    output.print(show.next_steps(document, seconds=report.seconds, changed=report.result.changed))
