"""`lab status`."""

from __future__ import annotations

import typer

from infra.cli import show
from infra.cli.options import Json, Stack, output, print_json


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(stack: Stack = "local", as_json: Json = False) -> None:
    """Say what is there: machines, endpoints, sandboxes. Exits 0 whether or not a lab is up.

    For example:

    - `./lab status`
    - `./lab status --json`
    """
    from infra import lifecycle

    document = lifecycle.status(stack)
    if as_json:
        print_json(document)
    else:
        output.print(show.lab(document))
