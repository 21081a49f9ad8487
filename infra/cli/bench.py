"""`lab bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Json, Stack, Yes, confirm, errors, output, print_json

bench_app = typer.Typer(help="Measure the lab.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench() -> None:
    """Measure the lab."""


@bench_app.command("up")
def up(
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How many times.")] = 3,
) -> None:
    """Make and remove the lab several times; print medians of every phase and the memory.

    A lab that is up is removed first, with all its data.

    For example:

    - `./lab bench up --yes`
    - `./lab bench up --runs 1 --yes --json`
    """
    from infra import lifecycle
    from infra.benchmarks import labs
    from infra.cli.screen import Screen

    if lifecycle.status(stack)["machines"]:
        confirm(f"Lab {stack!r} is up. Remove it, with all data in it?", yes=yes)
    with Screen() as screen:
        # Binaries and base image on disk, nothing else: that is what is measured.
        lifecycle.destroy(stack, screen)
        lifecycle.prepare(stack, screen, lifecycle.Clock())
    measured = labs.measure(stack, runs, lambda line: errors.print(line, markup=False))
    document = labs.summary(measured)
    if as_json:
        print_json(document)
    else:
        output.print(labs.table(document), markup=False)


@bench_app.command("sandbox")
def sandbox(
    *,
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    runs: Annotated[int, typer.Option("--runs", min=2, max=1000, help="Of each kind.")] = 30,
    concurrent: Annotated[
        int, typer.Option("--concurrent", min=0, max=1000, help="Asked for at once; 0: none.")
    ] = 100,
    slope: Annotated[
        str, typer.Option("--slope", help="Beside so many idle ones; '': not measured.")
    ] = "10,100,300",
) -> None:
    """Measure how long people wait for a sandbox, and for its end.

    The lab is up and has a `sandbox_service` with a profile that has a pool and one that has none.
    Requests are made in the names of its requesters and approvers; what is made is destroyed, and
    stays on record. Nobody else should use the lab meanwhile.

    For example:

    - `./lab bench sandbox --yes`
    - `./lab bench sandbox --runs 10 --concurrent 20 --slope "" --yes --json`
    """
    from infra.benchmarks import at_lab, sandboxes

    confirm(
        f"Make and destroy hundreds of sandboxes on lab {stack!r}? They stay on record.", yes=yes
    )
    steps = _steps(slope)
    document = at_lab.measure(
        stack,
        runs=runs,
        concurrent=concurrent,
        steps=steps,
        report=lambda line: errors.print(line, markup=False),
    )
    if as_json:
        print_json(document)
    else:
        output.print(sandboxes.table(document), markup=False)


def _steps(text: str) -> tuple[int, ...]:
    from infra.errors import BadUsage

    try:
        steps = tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise BadUsage(f"--slope: {error}.", next_step="write numbers: 10,100,300.") from error
    if any(step < 1 for step in steps) or list(steps) != sorted(set(steps)):
        raise BadUsage(f"--slope: {text}", next_step="write ascending numbers: 10,100,300.")
    return steps
