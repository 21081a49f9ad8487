"""`lab destroy`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from infra.cli.options import Json, Stack, Yes, confirm, output, print_json


def register(app: typer.Typer) -> None:
    app.command("destroy")(destroy)


def destroy(
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
) -> None:
    """Remove the lab with all its data and keys; only the cache of built tools stays.

    Works as well when the lab is broken or its state is lost.

    For example:

    - `./lab destroy --dry-run`
    - `./lab destroy --yes`
    """
    from infra import lifecycle
    from infra.cli.screen import Screen

    if not dry_run:
        confirm(f"Remove lab {stack!r} with all data and keys in it?", yes=yes)
    with Screen() as screen:
        report = lifecycle.destroy(stack, screen, dry_run=dry_run)
    if as_json:
        print_json({"seconds": report.seconds, "dry_run": dry_run, "found": asdict(report.found)})
        return
    found = lifecycle.describe(report.found)
    if not found:
        output.print("There is no such lab on this host.")
    elif dry_run:
        output.print("Would remove:", *(f"  {line}" for line in found), sep="\n", markup=False)
    else:
        output.print(f"The lab is gone ({report.seconds:.0f} s).")
