"""`lab verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Json, Stack, output, print_json


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(
    stack: Stack = "local",
    as_json: Json = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="An area, or a pattern of check ids; may be repeated."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit's XML to this file.")
    ] = None,
    judges: Annotated[
        bool,
        typer.Option(
            "--judges",
            help="Ask outside judges, too (`./lab toolchain build kube-bench` first).",
        ),
    ] = False,
) -> None:
    """Check the running lab: hosts, Vault, cluster and sandboxes, by real probes.

    Exits 0 only if nothing failed and everything skipped says why.

    For example:

    - `./lab verify`
    - `./lab verify --only vault --only 'sandbox-*' --json`
    - `./lab verify --judges --json > verify.json`
    """
    from infra import lifecycle
    from infra import verify as checks

    lifecycle.require_up(stack)
    report = checks.run(stack, only=only or [], junit=junit, judges=judges)
    if as_json:
        print_json(report.as_dict())
    else:
        for check in report.faults:
            why = check.message or "skipped without a reason"
            output.print(f"{check.outcome}  {check.area}/{check.id}: {why}", markup=False)
        counts = [f"{report.count(word)} {word}" for word in ("passed", "failed", "skipped")]
        output.print(", ".join(counts))
    if not report.ok:
        raise typer.Exit(ExitCode.FAILED)
