"""`lab policies check` and `lab policies audit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Json, Stack, output, print_json
from infra.errors import PolicyViolated

if TYPE_CHECKING:
    from infra.engine.events import Violation
    from policies.audit import Audited

#: Faults of one rule in one place that are shown to people.
_SHOWN = 5


def register(app: typer.Typer) -> None:
    app.command("check")(check)
    app.command("audit")(audit)


def check(
    *,
    stack: Stack = "local",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Check what this file describes, as if it were new."),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Ask no account, even if Pulumi's own providers are here."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what rules say of what `lab up` would make, and change nothing.

    Ends with 1 if a rule that must hold does not. What cannot be known before deployment is
    called undecided, and decided at `lab up`.

    For example:

    - `./lab policies check`
    - `./lab policies check --file examples/valid/aws-full.yaml --json`
    """
    from infra import preview
    from infra.cli.screen import Screen

    with Screen() as screen:
        try:
            if file is not None:
                found = preview.of_file(file, screen, offline=offline).violations
            else:
                found = preview.of_stack(stack, screen, offline=offline).violations
        except PolicyViolated as error:
            found = error.violations
    denied = [one for one in found if one.mandatory]
    if as_json:
        print_json({"ok": not denied, "violations": violations(found)})
    else:
        advice = len(found) - len(denied)
        output.print(f"{len(denied)} broken, {advice} advisory or undecided")
    if denied:
        raise typer.Exit(ExitCode.FAILED)


def violations(found: Sequence[Violation]) -> list[dict[str, str]]:
    """What rules said, for `--json`. Keys are only ever added."""
    return [
        {
            "rule": one.rule,
            "level": one.level,
            "severity": one.severity,
            "urn": one.urn,
            "message": one.message,
        }
        for one in found
    ]


def audit(
    *,
    stack: Stack = "local",
    machines: Annotated[
        bool, typer.Option(help="Run the checks of `lab verify` that rules of machines need.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Say of every rule whether it holds now: as declared, in the API server, and in what runs.

    Ends with 1 if one does not, and says where the three places disagree.

    For example:

    - `./lab policies audit`
    - `./lab policies audit --json >audit.json`
    """
    from infra import audit as audits
    from infra.cli.screen import Screen

    with Screen() as screen:
        found = audits.of_stack(stack, screen, checks=machines)
    broken = [one for one in found if one.broken]
    if as_json:
        print_json(document(found))
    else:
        for one in broken:
            _show(one)
        undecided = sum(1 for one in found if not one.broken and not _holds(one))
        holding = len(found) - len(broken) - undecided
        output.print(
            f"{holding} rules hold, {len(broken)} are broken "
            f"({sum(1 for one in broken if one.drift)} by drift), {undecided} have nothing to "
            "decide on"
        )
    if broken:
        raise typer.Exit(ExitCode.FAILED)


def _show(one: Audited) -> None:
    output.print(f"{one.rule.severity:<9} {one.rule.id}: {one.rule.title}", markup=False)
    if one.drift:
        output.print(f"          drift: {one.drift}", markup=False)
    for place in one.broken:
        faults = one.places[place].faults
        for fault in faults[:_SHOWN]:
            output.print(f"          {place}  {fault.object}: {fault.message}", markup=False)
        if len(faults) > _SHOWN:
            output.print(f"          {place}  and {len(faults) - _SHOWN} more")


def _holds(one: Audited) -> bool:
    from policies.audit import Stand

    return any(standing.stand is Stand.HOLDS for standing in one.places.values())


def document(found: Sequence[Audited]) -> dict[str, Any]:
    """What `--json` prints. Keys are only ever added.

    `outcomes` is what `lab policies matrix --audit` reads: each rule's in one word.
    """
    return {
        "ok": not any(one.broken for one in found),
        "outcomes": {
            one.rule.id: "failed" if one.broken else "passed" if _holds(one) else "skipped"
            for one in found
        },
        "audited": [
            {
                "rule": one.rule.id,
                "severity": one.rule.severity,
                "drift": one.drift,
                "places": {
                    place.value: {
                        "stand": standing.stand,
                        "because": standing.because,
                        "faults": [
                            {"object": fault.object, "message": fault.message}
                            for fault in standing.faults
                        ],
                    }
                    for place, standing in one.places.items()
                },
            }
            for one in found
        ],
    }
