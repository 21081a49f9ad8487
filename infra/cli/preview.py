"""`lab preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.audit import violations
from infra.cli.options import Json, Stack, output, print_json
from infra.errors import BadUsage


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(
    name: Annotated[
        str | None, typer.Argument(metavar="[STACK]", help="The same as --stack.")
    ] = None,
    *,
    stack: Stack = "local",
    as_json: Json = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Plan what this file describes, as if it were new."),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", help="Draw everything and its dependencies into this SVG file."),
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Read the real state first: shows drift."),
    ] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Ask no account, even if Pulumi's own providers are here."),
    ] = False,
) -> None:
    """Say what `lab up` would change, and change nothing.

    Needs no account: where a cloud's provider is missing (or with `--offline`) its answers are
    made up, and the command says so.

    For example:

    - `./lab preview`
    - `./lab preview --refresh --json`
    - `./lab preview --file examples/valid/local.yaml --graph plan.svg`
    """
    from infra import preview as previews
    from infra.cli.screen import Screen

    if file is not None and (refresh or name is not None):
        raise BadUsage(
            "--file plans what is not deployed: it goes with neither STACK nor --refresh.",
            next_step="`./lab preview --help`",
        )
    with Screen() as screen:
        if file is not None:
            plan = previews.of_file(file, screen, offline=offline)
        else:
            plan = previews.of_stack(name or stack, screen, refresh=refresh, offline=offline)
    if graph is not None:
        from infra.graph import draw

        graph.write_text(draw(plan))
    if as_json:
        print_json(document(plan))
        return
    for step in plan.steps:
        properties = f" ({', '.join(step.changed)})" if step.changed else ""
        output.print(f"{step.operation:<20} {step.type} {step.name}{properties}", markup=False)
    output.print(f"{plan.changed or 'no'} changes", markup=False)


def document(plan: Any) -> dict[str, Any]:
    """What `--json` prints. Keys are only ever added."""
    return {
        "seconds": plan.seconds,
        "changes": dict(plan.changes),
        "violations": violations(plan.violations),
        "steps": [
            {
                "operation": step.operation,
                "type": step.type,
                "name": step.name,
                "properties": list(step.changed),
            }
            for step in plan.steps
        ],
        "resources": [
            {
                "urn": one.urn,
                "type": one.type,
                "name": one.name,
                "parent": one.parent,
                "operation": one.operation,
                "component": not one.custom,
                "id": one.id,
                "provider": one.provider,
                "protect": one.protect,
                "retained": one.retained,
                "goes_with": one.goes_with,
                "depends_on": list(one.depends_on),
                "properties": one.inputs,
                "outputs": one.outputs,
            }
            for one in plan.resources
        ],
    }
