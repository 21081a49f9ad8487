"""Puts the commands together and turns errors into one line, a next step and an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from infra.cli import (
    audit,
    bench,
    cost,
    destroy,
    doctor,
    environment,
    evidence,
    init,
    machines,
    policies,
    preview,
    restore,
    sandbox,
    sandbox_evidence,
    sandbox_files,
    status,
    test,
    up,
    verify,
)
from infra.cli.exit_codes import ExitCode, exit_code
from infra.cli.options import errors, print_json
from infra.cli.toolchain import toolchain_app
from infra.errors import BadUsage, HostRefused, Interrupted, LabError

app = typer.Typer(
    name="lab",
    help="An AI lab of one's own: `lab up` makes it, `lab test` proves it.",
    epilog="Exit status: docs/reference/exit-codes.md. Errors: docs/reference/errors.md.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for module in (init, up, preview, cost, status, verify, test, destroy, bench, doctor, environment):
    module.register(app)
app.add_typer(machines.app, name="machines")
audit.register(policies.app)
sandbox_evidence.register(sandbox.app, evidence.app)
sandbox.app.add_typer(sandbox_files.app, name="files")
app.add_typer(policies.app, name="policies")
app.add_typer(evidence.app, name="evidence")
app.add_typer(restore.app, name="restore")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(toolchain_app, name="toolchain")


#: Options that may stand before the command, too; the value says how many words follow.
_GLOBAL = {"--yes": 0, "-y": 0, "--json": 0, "--stack": 1, "-s": 1}


def hoist(words: Sequence[str]) -> list[str]:
    """Moves shared options from before the command to its end: `--yes test` is `test --yes`."""
    moved: list[str] = []
    rest = list(words)
    while rest and (rest[0] in _GLOBAL or rest[0].startswith("--stack=")):
        count = 1 + _GLOBAL.get(rest[0], 0)
        moved += rest[:count]
        rest = rest[count:]
    if not rest or not moved:
        return rest or moved
    # Options of a group belong to the command in it, which is the last plain word.
    return [*rest, *moved]


def main(words: Sequence[str] | None = None) -> None:
    """Entry point: runs the command line `words` (default: this process's) and exits.

    SIGTERM is taken like Ctrl-C: what runs is stopped in order.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if words is None else words))


def run(words: Sequence[str]) -> int:
    """Runs one command line and returns its exit status."""
    arguments = hoist(words)
    try:
        status_ = app(args=arguments, prog_name="lab", standalone_mode=False)
        return int(status_ or ExitCode.OK)
    except TyperException as error:
        command = next((word for word in arguments if not word.startswith("-")), "")
        failure: LabError = BadUsage(
            error.format_message(), next_step=f"`./lab {command} --help`".replace("  ", " ")
        )
    except KeyboardInterrupt:
        failure = Interrupted("stopped.", next_step="run the command again to go on.")
    except typer.Abort:
        failure = Interrupted("no answer.", next_step="run the command again to go on.")
    except (LabError, OSError) as error:
        if os.environ.get("LAB_DEBUG"):
            errors.print_exception(show_locals=False)
        failure = error if isinstance(error, LabError) else _refused(error)
    return _report(failure, as_json="--json" in arguments)


def _refused(error: OSError) -> HostRefused:
    """A full disk, a file without rights: what the operating system says, not a traceback."""
    where = f" ({error.filename})" if error.filename else ""
    return HostRefused(
        f"{error.strerror or error}{where}.",
        next_step="see that the disk has room and the file can be read and written, then run the "
        "same command again; LAB_DEBUG=1 shows where it happened.",
    )


def _report(error: LabError, *, as_json: bool) -> int:
    errors.print(f"[bold red]{error.code}[/] ", end="")
    errors.print(error.message, markup=False)
    errors.print(f"  Next: {error.next_step}", markup=False)
    if as_json:
        print_json({"error": error.as_dict()})
    return exit_code(error)
