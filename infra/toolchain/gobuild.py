"""Builds one recipe with the Go compiler that is there; never fetches another one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from infra.toolchain import tarball
from infra.toolchain.products import Workshop
from infra.toolchain.recipes import Data, Edit, Source, Tool


@cache
def version_of(program: str) -> str | None:
    """Version of one Go; None if it does not say. Remembered for the process's life."""
    shown = subprocess.run(
        [program, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=os.environ | {"GOTOOLCHAIN": "local"},
    ).stdout
    match = re.match(r"go(\d+\.\d+(?:\.\d+)?)", shown)
    return match.group(1) if match else None


def go_version() -> str | None:
    """Version of the Go on PATH, such as 1.26.8; None if there is none."""
    program = shutil.which("go")
    return version_of(program) if program else None


def build(tool: Tool, shop: Workshop) -> None:
    """Writes the tool's binaries into `shop.out`.

    Raises:
        ToolBuildFailed: Go is missing, or it failed; the message has its last lines.
    """
    if go_version() is None:
        raise shop.failure("there is no Go on PATH to build it with.")
    recipe = shop.work / "recipe"
    shutil.copytree(tool.recipe, recipe)
    environment = _environment(tool, shop)
    if tool.source:
        copy_source(tool.source, tool.recipe, recipe / tool.source.folder, shop)
    for binary, package in tool.packages.items():
        target = shop.out / binary
        shop.run(
            ["go", "build", "-v", *tool.arguments(), "-o", str(target), package],
            folder=recipe,
            environment=environment,
        )
        target.chmod(0o755)
    if tool.data:
        pack(tool.data, tool.recipe, shop.out / tool.archive, shop)


def pack(data: Data, recipe: Path, target: Path, shop: Workshop) -> None:
    """Packs files of a module, each readable by all.

    Raises:
        ToolBuildFailed: see `module_folder`; or the module does not have them.
    """
    folder = module_folder(data.module, data.version, recipe, shop) / data.folder
    absent = [name for name in data.keep if not (folder / name).exists()]
    if absent:
        raise shop.failure(f"{data.module} {data.version} has no {data.folder}/{absent[0]}.")
    entries = tarball.folder_entries(folder, keep=partial(_is_within, data.keep))
    # The module cache's own modes say nothing.
    modes = {"file": 0o644, "folder": 0o755}
    open_to_all = (replace(one, mode=modes.get(one.kind, one.mode)) for one in entries)
    tarball.write_gzip(target, open_to_all)


def _is_within(kept: tuple[str, ...], path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in kept)


def _environment(tool: Tool, shop: Workshop) -> Mapping[str, str]:
    temporary = shop.work / "tmp"
    temporary.mkdir()
    cold = {"GOCACHE": str(shop.work / "compiled")} if shop.cold else {}
    return (
        os.environ
        | cold
        | {
            "CGO_ENABLED": "1" if tool.cgo else "0",
            "GOTOOLCHAIN": "local",
            # What is set for the user must not change the result.
            "GOFLAGS": "-buildvcs=false",
            "GOWORK": "off",
            "GOEXPERIMENT": "",
            "GOTMPDIR": str(temporary),
            "TMPDIR": str(temporary),
            "LC_ALL": "C.UTF-8",
        }
    )


def module_folder(module: str, version: str, recipe: Path, shop: Workshop) -> Path:
    """Folder of a module in the module cache, fetched if need be.

    Args:
        module: its path.
        version: such as v1.2.3.
        recipe: folder whose go.sum says what its checksum must be.
        shop: where the output goes.

    Raises:
        ToolBuildFailed: it cannot be had, or is not what the recipe's go.sum says.
    """
    empty = shop.work / "empty"
    empty.mkdir(exist_ok=True)
    lines = shop.run(
        ["go", "mod", "download", "-json", f"{module}@{version}"],
        folder=empty,
        environment=os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"},
    )
    text = "\n".join(lines)
    try:
        told = json.loads(text[text.index("{") :])
        folder, found = Path(told["Dir"]), str(told["Sum"])
    except (ValueError, KeyError) as error:
        raise shop.failure(f"go mod download gave no folder for {module}.") from error
    if f"{module} {version} {found}" not in (recipe / "go.sum").read_text().splitlines():
        raise shop.failure(f"{module} {version} has checksum {found}, which go.sum does not name.")
    return folder


def copy_source(source: Source, recipe: Path, target: Path, shop: Workshop) -> None:
    """Copies a module out of the module cache and edits the copy.

    Raises:
        ToolBuildFailed: see `module_folder`; or an edit does not match exactly once.
    """
    origin = module_folder(source.module, source.version, recipe, shop)
    skipped = {origin / name for name in source.leave_out}
    for parent, folders, files in os.walk(origin):
        here = Path(parent)
        folders[:] = [name for name in folders if here / name not in skipped]
        copy = target / here.relative_to(origin)
        # The module cache is read-only; the copy must be neither, or nobody could remove it.
        copy.mkdir(parents=True)
        for name in files:
            shutil.copyfile(here / name, copy / name)
    for edit in source.edits:
        apply_edit(edit, target, shop)


def apply_edit(edit: Edit, folder: Path, shop: Workshop) -> None:
    """Makes one edit.

    Raises:
        ToolBuildFailed: its text is not in the file exactly once.
    """
    file = folder / edit.file
    text = file.read_text() if file.is_file() else ""
    count = text.count(edit.find)
    if count != 1:
        raise shop.failure(f"the edit of {edit.file} ({edit.reason}) matches {count} times, not 1.")
    file.write_text(text.replace(edit.find, edit.replace))
    shop.say(f"edited {edit.file}: {edit.reason}")
