"""Looks at products without making any: where they are, whether they are whole, mirrors of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import LabError
from infra.toolchain import catalogue, mirror, resolve, store
from infra.toolchain.products import Product, Stopwatch, Workshop
from infra.toolchain.progress import Progress


@dataclass(frozen=True, slots=True)
class Status:
    """Where a product is now."""

    name: str
    #: tools, images, charts or machines.
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
    outside, manifest = resolve.outside(product), store.read(product)
    found, location, seconds = "to build", product.folder, 0.0
    size = sum(stored.bytes for stored in manifest.files.values()) if manifest else 0
    if outside is not None:
        found, location = "path", outside
    elif manifest is not None:
        found, seconds = "cache", manifest.seconds
    elif mirror.offers(product):
        found = "mirror"
    return Status(product.name, product.group, product.version, found, location, size, seconds)


def verify(names: Iterable[str] | None = None) -> list[Checked]:
    """Reads every byte of what is in the cache and compares it with the manifests.

    Raises:
        ToolUnknown: a name is no tool, binary, image or chart.
    """
    return [_check(p) for p in catalogue.select(names) if resolve.outside(p) is None]


def _check(product: Product) -> Checked:
    try:
        store.check(product.folder, resolve.stored(product))
    except LabError as error:
        return Checked(product.name, error)
    return Checked(product.name, None)


def export(target: Path) -> list[str]:
    """Writes a mirror of everything; returns the names of what is in it.

    Raises:
        ToolMissing: something has not been made yet.
        ToolCorrupt: something in the cache does not match its manifest.
    """
    inside = [
        product
        for product in catalogue.select(None)
        # The other site may have no such program on its PATH, but cannot be given this one's.
        if store.read(product) is not None or resolve.outside(product) is None
    ]
    target.mkdir(parents=True, exist_ok=True)
    mirror.export(inside, catalogue.go(), target)
    return [product.name for product in inside]


def rebuild_check(name: str, *, progress: Progress) -> list[str]:
    """Makes a product once more, from nothing, and compares; names of files that differ.

    Nothing that was compiled before is used, and nothing in the cache is changed.

    Raises:
        ToolUnknown: there is no such product.
        ToolMissing: it has not been made yet, so there is nothing to compare with.
        ToolBuildFailed: the build failed.
    """
    (wanted,) = catalogue.named([name])
    product = catalogue.products()[wanted]
    manifest = resolve.stored(product)
    log = product.log.with_suffix(".again.log")
    progress.begin(product.name, f"building {product.version} once more", log)
    watch = Stopwatch()
    failed = True
    try:
        with (
            store.locked(product.group, product.name),
            store.workplace(product.folder.parent, product.name) as folder,
        ):
            out, work = folder / "out", folder / "work"
            with log.open("w") as stream:
                product.make(Workshop(product.name, out, work, stream, progress, cold=True))
            found = {file: store.sha256(out / file) for file in product.files}
        failed = False
    finally:
        progress.end(product.name, watch.seconds, failed=failed)
    return [file for file, stored in manifest.files.items() if found[file] != stored.sha256]
