"""Where a product comes from: PATH (if its version fits), cache, mirror, build, in this order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra import paths
from infra.errors import ToolMissing
from infra.toolchain import catalogue, machine_base, mirror, store
from infra.toolchain.products import Product, Stopwatch, Workshop
from infra.toolchain.progress import Progress
from infra.toolchain.recipes import Tool
from infra.toolchain.store import Manifest


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file for the lab's machines."""

    path: Path
    #: Below `paths.cache()`.
    relative: str
    #: None: it was not made yet.
    sha256: str | None


@cache
def answer(command: tuple[str, ...]) -> str:
    """What a program prints; nothing if it does not run. Remembered for the process's life."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _on_path(tool: Tool) -> Path | None:
    """The program on PATH, if this tool may be taken from there and its version fits.

    It fits if major and minor version are the same and the patch is not older.
    """
    if not tool.path:
        return None
    own = paths.cache() / "tools"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    search = os.pathsep.join(x for x in folders if not Path(x).is_relative_to(own))
    program = shutil.which(tool.path[0], path=search)
    if program is None:
        return None
    match = re.search(r"\bv?(\d+)\.(\d+)\.(\d+)\b", answer((program, *tool.path[1:])))
    wanted = tuple(int(part) for part in tool.version.split("."))
    found = tuple(int(part) for part in match.groups()) if match else ()
    fits = found[:2] == wanted[:2] and found >= wanted
    return Path(program) if fits else None


def outside(product: Product) -> Path | None:
    """The installed program that serves instead of a product of ours, if there is one."""
    if product.group != "tools":
        return None
    return _on_path(catalogue.owner(product.name))


def stored(product: Product) -> Manifest:
    """The manifest of a product in the cache.

    Raises:
        ToolMissing: it is not there, or not whole.
    """
    manifest = store.read(product)
    if manifest is None:
        raise ToolMissing(
            f"{product.name} {product.version} is not there yet.",
            next_step=f"run `./lab toolchain build {product.name}`.",
        )
    return manifest


def version(tool: str) -> str:
    """Version of a tool, or of the tool that a binary belongs to, such as 1.36.3.

    Raises:
        ToolUnknown: there is no such tool.
    """
    return catalogue.owner(tool).version


def binary(name: str) -> Path:
    """A program that runs on this host.

    Raises:
        ToolUnknown: no recipe builds it.
        ToolMissing: it has not been built yet.
    """
    tool = catalogue.owner(name)
    found = _on_path(tool)
    if found is not None:
        return found
    product = catalogue.products()[tool.name]
    stored(product)
    return product.folder / (name if name in tool.packages else product.files[0])


def artifacts(*, planned: bool = False) -> dict[str, Artifact]:
    """Every file that the lab's machines need, by name.

    Args:
        planned: also what was not made yet; then its digest is None.

    Raises:
        ToolMissing: one of them has not been made yet.
    """
    known = catalogue.products()
    found = {}
    for name, (owner, file) in catalogue.artifact_files().items():
        product = known[owner]
        if planned and store.read(product) is None:
            digest = None
        else:
            digest = stored(product).files[file].sha256
        found[name] = Artifact(product.folder / file, f"{product.relative}/{file}", digest)
    return found


def machine_archive() -> Path:
    """The archive of the root file system that local machines share.

    Raises:
        ToolMissing: it has not been made yet.
    """
    product = catalogue.products()[machine_base.NAME]
    stored(product)
    return product.folder / machine_base.FILE


def ensure(names: Iterable[str] | None = None, *, progress: Progress, again: bool = False) -> None:
    """Makes what is missing.

    Args:
        names: tools, binaries, images or charts, with what they are made from; None for all.
        progress: told about everything that is not simply there.
        again: make the named ones even if they are there.

    Raises:
        ToolUnknown: a name is none of these.
        ToolBuildFailed: a build failed; what was made before it is kept.
        ToolCorrupt: the mirror's copy is damaged.
    """
    wanted = None if names is None else list(names)
    anew = catalogue.named(wanted) if again else frozenset()
    for product in catalogue.select(wanted, with_needs=True):
        _ensure(product, progress, anew=product.name in anew)


def _ensure(product: Product, progress: Progress, *, anew: bool) -> None:
    if not anew and (outside(product) is not None or store.read(product) is not None):
        return
    with store.locked(product.group, product.name):
        # Another process may have made it while this one waited.
        if not anew and store.read(product) is not None:
            return
        offered = mirror.offers(product)
        action = f"fetching {product.version}" if offered else f"building {product.version}"
        progress.begin(product.name, action, product.log)
        watch = Stopwatch()
        failed = True
        try:
            store.build(
                product,
                progress,
                lambda shop: mirror.fetch(product, shop) if offered else _make(product, shop),
            )
            failed = False
        finally:
            progress.end(product.name, watch.seconds, failed=failed)


def _make(product: Product, shop: Workshop) -> float:
    watch = Stopwatch()
    product.make(shop)
    return watch.seconds
