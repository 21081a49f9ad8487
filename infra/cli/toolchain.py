"""`lab toolchain`: list, build, verify, export, push."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Json, output, print_json

toolchain_app = typer.Typer(
    help="Tools and images of the lab: where they come from, and mirrors of them.",
    no_args_is_help=True,
)

Names = Annotated[
    list[str] | None, typer.Argument(help="Tools, binaries, images or charts; none means all.")
]


@toolchain_app.command("list")
def list_(names: Names = None, as_json: Json = False) -> None:
    """List every tool, image and chart: its version, where it is, what its build took.

    `path` means that an installed program serves, `mirror` that it would be fetched.

    For example:

    - `./lab toolchain list --json`
    """
    from infra import toolchain

    entries = toolchain.status(names)
    if as_json:
        print_json(
            [
                {
                    "name": entry.name,
                    "group": entry.group,
                    "version": entry.version,
                    "found": entry.found,
                    "location": str(entry.location),
                    "bytes": entry.bytes,
                    "build_seconds": entry.seconds,
                }
                for entry in entries
            ]
        )
        return
    for entry in entries:
        size = f"{entry.bytes / 2**20:.0f} MiB" if entry.bytes else ""
        took = f"{entry.seconds:.0f} s" if entry.seconds else ""
        output.print(
            f"{entry.name:<20} {entry.version:<10} {entry.found:<9} {size:>9} {took:>7}".rstrip(),
            markup=False,
        )


@toolchain_app.command("build")
def build(
    names: Names = None,
    as_json: Json = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make them even if they are there.")
    ] = False,
) -> None:
    """Make what is missing: fetched from the mirror (LAB_MIRROR) or built from source.

    The first time takes about 35 minutes on two cores. After a kill, run it again: what was
    compiled is kept. Logs are under the cache (~/.cache/ai-lab/logs).

    For example:

    - `./lab toolchain build`
    - `./lab toolchain build runc --again`
    """
    from infra import toolchain
    from infra.cli.screen import Screen

    with Screen() as screen:
        toolchain.ensure(names, progress=screen, again=again)
    list_(names, as_json)


@toolchain_app.command("verify")
def verify(
    names: Names = None,
    as_json: Json = False,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Also make each one once more, from nothing, and compare."),
    ] = False,
) -> None:
    """Read every byte in the cache and compare it with its checksum.

    Exits 1 if something differs or is missing.

    For example:

    - `./lab toolchain verify`
    - `./lab toolchain verify runc etcd --rebuild`
    """
    from infra import toolchain
    from infra.cli.screen import Screen

    faults = {check.name: str(check.error or "") for check in toolchain.verify(names)}
    if rebuild:
        with Screen() as screen:
            for name in [name for name, fault in faults.items() if not fault]:
                differing = toolchain.rebuild_check(name, progress=screen)
                if differing:
                    faults[name] += f"another build differs: {', '.join(differing)}"
    if as_json:
        print_json(
            [{"name": name, "ok": not fault, "fault": fault} for name, fault in faults.items()]
        )
    else:
        for name, fault in faults.items():
            output.print(f"{name:<20} {fault or 'ok'}", markup=False)
    if any(faults.values()):
        raise typer.Exit(ExitCode.FAILED)


@toolchain_app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where the mirror is written to.")],
    as_json: Json = False,
) -> None:
    """Write a mirror for sites that can neither build nor download.

    There, set LAB_MIRROR to the folder. Run it again to bring the mirror up to date.

    For example:

    - `./lab toolchain export /media/lab-mirror`
    """
    from infra import toolchain

    names = toolchain.export(folder.resolve())
    if as_json:
        print_json({"folder": str(folder.resolve()), "products": names})
    else:
        output.print(f"{len(names)} products are in {folder.resolve()}.", markup=False)


@toolchain_app.command("prune")
def prune(
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
) -> None:
    """Remove from the cache what no recipe of this checkout names and no lab on this host uses.

    What another checkout, another Go or another mirror would use goes as well: it would be built
    or fetched again there.

    For example:

    - `./lab toolchain prune --dry-run`
    - `./lab toolchain prune`
    """
    from infra import paths, toolchain
    from infra.engine.environment import linked_programs
    from infra.hosts import base_image

    products = toolchain.prune.unused(linked_programs())
    images = base_image.unused(paths.data())
    sizes = {folder: _bytes(folder) for folder in (*products, *images)}
    if not dry_run:
        for folder in products:
            toolchain.prune.remove(folder)
        for folder in images:
            base_image.remove(folder)
    if as_json:
        entries = [{"folder": str(folder), "bytes": size} for folder, size in sizes.items()]
        print_json({"dry_run": dry_run, "removed": entries, "bytes": sum(sizes.values())})
        return
    for folder, size in sizes.items():
        output.print(f"{size / 2**20:6.0f} MiB  {folder}", markup=False)
    verb = "would be removed" if dry_run else "removed"
    output.print(f"{sum(sizes.values()) / 2**20:6.0f} MiB {verb}")


def _bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


@toolchain_app.command("push")
def push(
    registry: Annotated[str, typer.Argument(help="Host, port and path of the registry.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Archives of images; none means all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Push the lab's images into a registry; credentials are those of docker or podman login.

    For example:

    - `./lab toolchain push registry.example.org/lab`
    - `./lab toolchain push registry.example.org/lab image-ai-lab`
    """
    from infra import toolchain
    from infra.cli.screen import Screen

    with Screen() as screen:
        pushed = toolchain.push(registry, names or None, progress=screen)
    if as_json:
        print_json({"images": pushed})
    else:
        for name in pushed:
            output.print(name, markup=False)
