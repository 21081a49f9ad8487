"""`lab doctor`."""

from __future__ import annotations

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Json, Stack, output, print_json

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "fault": "[red]fault[/]"}


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(stack: Stack = "local", as_json: Json = False) -> None:
    """Check everything that the lab needs of this host, and say what to do about each fault.

    Changes nothing. Exits 3 if there is a fault.

    For example:

    - `./lab doctor`
    - `./lab doctor --json`
    """
    from infra import preflight

    findings = preflight.examine(stack)
    faults = [finding for finding in findings if finding.error is not None]
    if as_json:
        print_json({"fit": not faults, "findings": [finding.as_dict() for finding in findings]})
    else:
        for finding in findings:
            output.print(f"{_MARKS[finding.outcome]:<24} {finding.check:<14} ", end="")
            output.print(finding.message, markup=False)
            next_step = finding.error.next_step if finding.error else finding.advice
            if next_step:
                output.print(f"        Next: {next_step}", markup=False)
    if faults:
        raise typer.Exit(ExitCode.HOST_UNFIT)
