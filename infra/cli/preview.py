"""`lab preview`."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Json, Stack, output, print_json


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(
    stack: Stack = "local",
    as_json: Json = False,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Read the real state first: shows drift."),
    ] = False,
) -> None:
    """Say what `lab up` would change, and change nothing.

    For example:

    - `./lab preview`
    - `./lab preview --refresh --json`
    """
    from infra import lifecycle
    from infra.cli.screen import Screen

    with Screen() as screen:
        result = lifecycle.preview(stack, screen, refresh=refresh)
    if as_json:
        print_json(
            {
                "seconds": result.seconds,
                "changes": result.changes,
                "steps": [
                    {
                        "operation": step.operation,
                        "type": step.type,
                        "name": step.name,
                        "properties": list(step.diffs),
                    }
                    for step in result.steps
                ],
            }
        )
        return
    for step in result.steps:
        properties = f" ({', '.join(step.diffs)})" if step.diffs else ""
        output.print(f"{step.operation:<20} {step.type} {step.name}{properties}", markup=False)
    output.print(f"{result.changed or 'no'} changes", markup=False)
