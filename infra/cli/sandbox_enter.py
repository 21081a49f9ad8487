"""`lab sandbox kubeconfig` and `lab sandbox exec`: the ways in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import Json, Stack, errors, output, print_json
from infra.cli.sandbox_session import As, AsGroup, Kubeconfig, Name, session_of


def register(app: typer.Typer) -> None:
    app.command("kubeconfig")(kubeconfig_)
    app.command("exec")(exec_)


def kubeconfig_(
    name: Name,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to; default: NAME.kubeconfig.", dir_okay=False),
    ] = None,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Write a kubeconfig (mode 0600) with which kubectl works in the sandbox for an hour.

    Run it again when the hour is over: the same file is replaced.

    For example:

    - `./lab sandbox kubeconfig bias-audit && kubectl --kubeconfig bias-audit.kubeconfig get pods`
    """
    from infra.sandbox import login

    with session_of(stack, kubeconfig, user, groups) as session:
        found = login.log_in(session.client, session.connection, name)
    where = file or Path(f"{name}.kubeconfig")
    login.write(found, where)
    if as_json:
        print_json({"kubeconfig": str(where), "namespace": found.namespace, "ends": found.ends})
    else:
        errors.print(f"It works until {found.ends}.", markup=False)
        output.print(str(where), markup=False)


def exec_(
    name: Name,
    command: Annotated[list[str], typer.Argument(help="What to run, after `--`.")],
    *,
    pod: Annotated[
        str | None, typer.Option("--pod", help="In this pod; default: the only one that runs.")
    ] = None,
    container: Annotated[str | None, typer.Option("--container", "-c")] = None,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
) -> None:
    """Run a command in a pod of the sandbox; ends with its exit status.

    For example:

    - `./lab sandbox exec bias-audit -- python -m tests`
    - `./lab sandbox exec bias-audit --pod model-0 -- sh`
    """
    from infra import toolchain
    from infra.kubernetes.client import Api
    from infra.sandbox import login

    with session_of(stack, kubeconfig, user, groups) as session:
        found = login.log_in(session.client, session.connection, name)
    with Api(found.connection(), agent="lab-sandbox", patience=20) as inside:
        chosen = login.pod_to_enter(inside, found, pod)
    status = login.run(
        toolchain.binary("kubernetes"),
        found,
        chosen,
        command,
        container=container,
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
    )
    raise typer.Exit(status)
