"""Where a product comes from: PATH (if its version fits), cache, mirror, build, in this order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra import paths
from infra.errors import LabError, ToolMissing
from infra.toolchain import catalogue, mirror, store
from infra.toolchain.products import Product, Stopwatch, Workshop
from infra.toolchain.progress import Progress
from infra.toolchain.recipes import Tool


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file for the lab's machines."""

    path: Path
    #: Below `paths.cache()`.
    relative: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where a product is now."""

    name: str
    group: str
    version: str
    #: "path", "cache", "mirror" or "to build".
    found: str
    location: Path
    bytes: int
    #: Wall seconds that its build took; 0 where that is not known.
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of reading every byte of a product."""

    name: str
    error: LabError | None


@cache
def _answer(program: str, arguments: tuple[str, ...]) -> str:
    try:
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=30
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
    search = os.pathsep.join(
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if not Path(folder).is_relative_to(own)
    )
    program = shutil.which(tool.path[0], path=search)
    if program is None:
        return None
    match = re.search(r"\bv?(\d+)\.(\d+)\.(\d+)\b", _answer(program, tool.path[1:]))
    wanted = tuple(int(part) for part in tool.version.split("."))
    found = tuple(int(part) for part in match.groups()) if match else ()
    fits = found[:2] == wanted[:2] and found >= wanted
    return Path(program) if fits else None


def _tool(product: Product) -> Tool | None:
    return catalogue.owner(product.files[0]) if product.group == "tools" else None


def _outside(product: Product) -> Path | None:
    tool = _tool(product)
    return _on_path(tool) if tool else None


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
    if store.read(product) is None:
        raise _missing(product)
    return product.folder / (name if name in tool.packages else product.files[0])


def _missing(product: Product) -> ToolMissing:
    return ToolMissing(
        f"{product.name} {product.version} is not there yet.",
        next_step=f"run `./lab toolchain build {product.name}`.",
    )


def artifacts() -> dict[str, Artifact]:
    """Every file that the lab's machines need, by name.

    Raises:
        ToolMissing: one of them has not been made yet.
    """
    known = catalogue.products()
    found = {}
    for name, (owner, file) in catalogue.artifact_files().items():
        product = known[owner]
        manifest = store.read(product)
        if manifest is None:
            raise _missing(product)
        found[name] = Artifact(
            product.folder / file, f"{product.relative}/{file}", manifest.files[file].sha256
        )
    return found


def missing() -> list[str]:
    """Names of products that would have to be built, neither found nor offered by the mirror."""
    return [entry.name for entry in status() if entry.found == "to build"]


def status(names: Iterable[str] | None = None) -> list[Status]:
    """Where each product is, without changing anything.

    Raises:
        ToolUnknown: a name is no tool, binary, image or chart.
    """
    return [_status(product) for product in catalogue.select(names)]


def _status(product: Product) -> Status:
    outside, manifest = _outside(product), store.read(product)
    found, location, seconds = "to build", product.folder, 0.0
    size = sum(stored.bytes for stored in manifest.files.values()) if manifest else 0
    if outside is not None:
        found, location = "path", outside
    elif manifest is not None:
        found, seconds = "cache", manifest.seconds
    elif mirror.offers(product):
        found = "mirror"
    return Status(product.name, product.group, product.version, found, location, size, seconds)


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
    replaced = {p.name for p in catalogue.select(wanted)} if again else set()
    if wanted is not None and again:
        replaced = {
            name if name in catalogue.products() else catalogue.owner(name).name for name in wanted
        }
    for product in catalogue.select(wanted):
        fresh = product.name in replaced
        if not fresh and (_outside(product) is not None or store.read(product) is not None):
            continue
        with store.locked(product):
            # Another process may have made it meanwhile.
            if fresh or store.read(product) is None:
                _obtain(product, progress)
        store.remove_older(product)


def _obtain(product: Product, progress: Progress) -> None:
    offered = mirror.offers(product)
    progress.begin(
        product.name,
        f"fetching {product.version} from the mirror" if offered else f"building {product.version}",
        product.log,
    )
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


def verify(names: Iterable[str] | None = None) -> list[Checked]:
    """Reads every byte of what is in the cache and compares it with the manifests.

    Raises:
        ToolUnknown: a name is no tool, binary, image or chart.
    """
    return [_check(p) for p in catalogue.select(names) if _outside(p) is None]


def _check(product: Product) -> Checked:
    manifest = store.read(product)
    try:
        if manifest is None:
            raise _missing(product)
        store.check(product.folder, manifest)
    except LabError as error:
        return Checked(product.name, error)
    return Checked(product.name, None)


def export(target: Path) -> list[str]:
    """Writes a mirror of everything; returns the names of what is in it.

    Raises:
        ToolMissing: something has not been made yet.
        ToolCorrupt: something in the cache does not match its manifest.
    """
    everything = catalogue.select(None)
    inside = [p for p in everything if store.read(p) is not None or _outside(p) is None]
    target.mkdir(parents=True, exist_ok=True)
    return [product.name for product in mirror.export(inside, catalogue.go(), target)]


def rebuild_check(name: str, *, progress: Progress) -> dict[str, tuple[str, str]]:
    """Builds a product twice in folders of its own; SHA-256 of both builds of each file.

    The products in the cache are neither used nor changed.

    Raises:
        ToolUnknown: there is no such tool.
        ToolBuildFailed: a build failed.
    """
    product = catalogue.select([name])[-1]
    group = product.folder.parent
    group.mkdir(parents=True, exist_ok=True)
    sums: list[dict[str, str]] = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix=".check.", dir=group) as folder:
            out, work = Path(folder) / "out", Path(folder) / "work"
            out.mkdir()
            work.mkdir()
            with (Path(folder) / "log").open("w") as log:
                product.make(Workshop(product.name, out, work, log, progress))
            sums.append({file: store.sha256(out / file) for file in product.files})
    return {file: (sums[0][file], sums[1][file]) for file in product.files}
