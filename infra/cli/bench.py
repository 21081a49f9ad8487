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
    from infra import benchmark, lifecycle
    from infra.cli.screen import Screen

    if lifecycle.status(stack)["machines"]:
        confirm(f"Lab {stack!r} is up. Remove it, with all data in it?", yes=yes)
    with Screen() as screen:
        # Binaries and base image on disk, nothing else: that is what is measured.
        lifecycle.destroy(stack, screen)
        lifecycle.prepare(stack, screen, lifecycle.Clock())
    measured = benchmark.measure(stack, runs, lambda line: errors.print(line, markup=False))
    document = benchmark.summary(measured)
    if as_json:
        print_json(document)
    else:
        output.print(benchmark.table(document), markup=False)
