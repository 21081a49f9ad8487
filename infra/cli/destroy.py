"""`lab destroy`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import Json, Stack, Yes, confirm, output, print_json

if TYPE_CHECKING:
    from infra.removal import Removal


def register(app: typer.Typer) -> None:
    app.command("destroy")(destroy)


def destroy(
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed, and what stays.")
    ] = False,
    keep_protected: Annotated[
        bool,
        typer.Option(
            "--keep-protected",
            help="Not on this host: leave what is protected, with all that it needs.",
        ),
    ] = False,
) -> None:
    """Remove the lab with all its data and keys; only the cache of built tools stays.

    Works as well when the lab is broken or its state is lost. Of a lab on other machines or on a
    cloud Pulumi destroys what it may: machines of one's own stay as they are, and so does the lab's
    folder on this host. What stays is said, with the next step.

    For example:

    - `./lab destroy --dry-run`
    - `./lab destroy --yes`
    - `./lab destroy --stack site --dry-run`
    """
    from infra import lifecycle, removal
    from infra.cli.screen import Screen
    from infra.engine.target import Target

    if not removal.made_here(stack):
        if not dry_run:
            confirm(f"Destroy stack {stack!r}? `--dry-run` says what goes and what stays.", yes=yes)
        with Screen() as screen:
            _show(
                removal.destroy(
                    Target.of(stack), screen, dry_run=dry_run, keep_protected=keep_protected
                ),
                as_json=as_json,
                dry_run=dry_run,
                keep_protected=keep_protected,
            )
        return
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


def _show(removal: Removal, *, as_json: bool, dry_run: bool, keep_protected: bool) -> None:
    if as_json:
        print_json({**asdict(removal), "dry_run": dry_run})
        return
    if not removal:
        output.print("Nothing of this stack is deployed.")
    refused = removal.protected and not keep_protected
    deleted = "Would be deleted" if dry_run else "Deleted"
    for title, lines in (
        ("Protected, so nothing goes" if refused else "Protected, and stays", removal.protected),
        ("Needed by that, and stays", removal.needed),
        (f"{deleted} with --keep-protected" if refused else deleted, removal.deleted),
        ("Stays where it is, and Pulumi forgets it", removal.forgotten),
        ("Left" if removal else "Left, unless it was removed by hand", removal.stays),
        ("Next", removal.next_steps),
    ):
        if lines:
            output.print(f"{title}:", *(f"  {line}" for line in lines), sep="\n", markup=False)
    if removal and not dry_run:
        output.print(f"The stack is destroyed ({removal.seconds:.0f} s).")
