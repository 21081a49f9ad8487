"""`lab env` and `lab kubeconfig`."""

from __future__ import annotations

import shlex

import typer

from infra.cli.options import Json, Stack, print_json


def register(app: typer.Typer) -> None:
    app.command("env")(env)
    app.command("kubeconfig")(kubeconfig)


def env(stack: Stack = "local", as_json: Json = False) -> None:
    """Print shell exports with which plain pulumi, kubectl and vault work on the lab.

    No secret is printed, only paths of the files that hold them.

    For example:

    - `eval "$(./lab env)"`
    - `./lab env --json`
    """
    from infra.engine import environment

    variables = environment(stack)
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def kubeconfig(stack: Stack = "local", as_json: Json = False) -> None:
    """Print the path of the administrator's kubeconfig.

    For example:

    - `kubectl --kubeconfig "$(./lab kubeconfig)" get nodes`
    """
    from infra import config
    from infra.errors import LabNotUp
    from infra.paths import Home

    path = Home(config.load(stack).name).kubeconfig
    if not path.is_file():
        raise LabNotUp(f"{path} is not there.", next_step="`./lab up`")
    if as_json:
        print_json({"kubeconfig": str(path)})
    else:
        typer.echo(path)
