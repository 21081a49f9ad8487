"""`lab test`."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Stack, Yes, errors
from infra.errors import BadUsage


def register(app: typer.Typer) -> None:
    app.command("test")(run)


def run(
    stack: Stack = "local",
    yes: Yes = False,
    *,
    unit_only: Annotated[
        bool, typer.Option("--unit-only", help="Only what needs no lab (about two minutes).")
    ] = False,
    live_only: Annotated[
        bool, typer.Option("--live-only", help="Only the checks of the running lab.")
    ] = False,
    faults: Annotated[
        bool, typer.Option("--faults", help="Also break the lab during operations (an hour).")
    ] = False,
    long: Annotated[
        bool, typer.Option("--long", help="Only the long proofs, on machines of their own.")
    ] = False,
) -> None:
    """Run every test: linters, types, import rules, unit tests, and the checks of a live lab.

    Uses the lab that is up and leaves it as it is. If none is up, starts one, also takes its
    protections away one by one, reboots it, and removes it. The last line is in pytest's form,
    with the totals of all parts.

    For example:

    - `./lab test`
    - `./lab test --unit-only`
    - `./lab test --long`
    """
    from infra.suite import Suite

    del yes  # For the script `lab`, which may have to install Debian packages.
    if [unit_only, live_only, long].count(True) > 1:
        raise BadUsage(
            "--unit-only, --live-only and --long exclude each other.", next_step="keep one."
        )
    begin = time.monotonic()
    suite = Suite(stack, lambda line: errors.print(line, markup=False), faults=faults)
    totals = suite.run_long() if long else suite.run(offline=not live_only, live=not unit_only)
    for part, outcome in totals.parts.items():
        errors.print(f"{part:<10} {outcome}")
    sys.stderr.flush()
    typer.echo(totals.closing_line(time.monotonic() - begin))
    if not totals.ok:
        raise typer.Exit(ExitCode.FAILED)
