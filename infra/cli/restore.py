"""`lab restore`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import Json, Stack, Yes, confirm, output, print_json

app = typer.Typer(help="Put copies back that machines of one's own took.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Put copies back that machines of one's own took."""


@app.command("etcd")
def etcd(  # noqa: PLR0917 - one parameter an option
    copy: Annotated[Path, typer.Option("--from", help="The copy: LAB-etcd-TIME.tar.cms.")],
    key: Annotated[Path, typer.Option("--key", help="Private key of the copies' recipient.")],
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="The recipient's, if it is another one by now."),
    ] = None,
    stack: Stack = "local",
    as_json: Json = False,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open the copy and look at it; change nothing.")
    ] = False,
) -> None:
    """Put a copy of etcd back on every control plane. What was written after it is lost.

    The copy is decrypted on this host, in memory where it can be; the private key stays here. One
    that was changed by a single bit is refused before anything stops. With --dry-run this is also
    how to look whether a copy can be read at all.

    For example:

    - `./lab restore etcd --stack site --from site-etcd-20260101T000000Z.tar.cms --key backup.key`
    """
    from infra import restore
    from infra.cli.screen import Screen
    from infra.engine.target import Target

    target = Target.of(stack)
    if not dry_run:
        confirm(f"Put {copy.name} back? What {stack!r} wrote after it is lost.", yes=yes)
    with Screen() as screen:
        done = restore.etcd(target, restore.Copy(copy, key, certificate), screen, dry_run=dry_run)
    if as_json:
        print_json({**asdict(done), "dry_run": dry_run})
        return
    output.print(f"The copy can be read; it holds {', '.join(done.holds)}.", markup=False)
    machines = ", ".join(done.machines)
    if dry_run:
        output.print(f"Would stop, make anew and start again etcd on {machines}.", markup=False)
    else:
        output.print(f"Put back on {machines} ({done.seconds:.0f} s).", markup=False)
