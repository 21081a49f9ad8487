"""`lab machines`: list, reboot, ssh-command, console-log."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import Json, Stack, Yes, confirm, errors, output, print_json

if TYPE_CHECKING:
    from infra.hosts.machine import MachineState

app = typer.Typer(help="Look at and restart single machines.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A machine of `lab machines list`.")]
Names = Annotated[list[str] | None, typer.Argument(help="Machines; none means all.")]


def _find(stack: str, names: list[str]) -> list[MachineState]:
    from infra import config
    from infra.errors import BadUsage, LabNotUp
    from infra.hosts import machine
    from infra.paths import Home

    present = {s.args.name: s for s in machine.list_machines(Home(config.load(stack).name))}
    if not present:
        raise LabNotUp("there are no machines.", next_step="`./lab up`")
    unknown = [name for name in names if name not in present]
    if unknown:
        raise BadUsage(
            f"there is no machine {', '.join(unknown)}.",
            next_step=f"choose from: {', '.join(present)}",
        )
    return [present[name] for name in names or present]


@app.command("list")
def list_(stack: Stack = "local", as_json: Json = False) -> None:
    """List the machines with role, address and state.

    For example:

    - `./lab machines list --json`
    """
    from infra import lifecycle

    found = lifecycle.status(stack)["machines"]
    if as_json:
        print_json(found)
        return
    for entry in found:
        words = (entry["name"], entry["role"], entry["address"], entry["state"])
        output.print("  ".join(f"{word:<14}" for word in words).rstrip(), markup=False)


@app.command("reboot")
def reboot(
    names: Names = None, stack: Stack = "local", as_json: Json = False, yes: Yes = False
) -> None:
    """Power-cycle machines and wait until they answer over SSH again.

    For example:

    - `./lab machines reboot worker --yes`
    - `./lab machines reboot --yes`
    """
    from concurrent.futures import ThreadPoolExecutor

    from infra import config
    from infra.engine import exclusive
    from infra.hosts import machine
    from infra.paths import Home

    chosen = _find(stack, names or [])
    label = ", ".join(state.args.name for state in chosen)
    confirm(f"Power-cycle {label}?", yes=yes)
    errors.print(f"Rebooting {label}", markup=False)
    with (
        exclusive(Home(config.load(stack).name), purpose="lab machines reboot"),
        ThreadPoolExecutor() as pool,
    ):
        list(pool.map(lambda state: machine.reboot(state.args), chosen))
    if as_json:
        print_json({"rebooted": [state.args.name for state in chosen]})


@app.command("ssh-command")
def ssh_command(name: Name, stack: Stack = "local", as_json: Json = False) -> None:
    """Print the command that opens a root shell in a machine.

    For example:

    - `$(./lab machines ssh-command worker) uptime`
    """
    from infra import config
    from infra.paths import Home

    (state,) = _find(stack, [name])
    home = Home(config.load(stack).name)
    words = ["ssh", "-i", str(home.ssh_key), "-o", f"UserKnownHostsFile={home.known_hosts}"]
    words += ["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]
    words.append(f"root@{state.args.address}")
    if as_json:
        print_json({"command": words})
    else:
        typer.echo(shlex.join(words))


@app.command("console-log")
def console_log(name: Name, stack: Stack = "local") -> None:
    """Print what a machine wrote to its console since it was made.

    For example:

    - `./lab machines console-log vault`
    """
    (state,) = _find(stack, [name])
    console = state.args.container.console
    # A machine whose maker was killed before its first boot has none yet.
    text = console.read_text(errors="replace") if console.is_file() else ""
    typer.echo(text, nl=False)
