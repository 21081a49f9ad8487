"""The cache: complete products only, each with a manifest of checksums.

A product is made in a temporary folder beside its place and moved there in one step, so a kill at
any moment leaves either nothing or the whole. Whoever makes a product holds its lock; a temporary
folder that is found under that lock belongs to nobody and is removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra import paths
from infra.errors import ToolBuildFailed, ToolCorrupt
from infra.toolchain.products import Product, Workshop
from infra.toolchain.progress import Progress

MANIFEST = "manifest.json"


class StoredFile(BaseModel):
    """One file of a product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    bytes: int


class Manifest(BaseModel):
    """What a product's folder holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    digest: str
    #: Wall seconds that making it took on the machine that made it.
    seconds: float
    files: dict[str, StoredFile]


def read(product: Product) -> Manifest | None:
    """The product's manifest, or None if it is not there or a file of it lacks or has shrunk.

    Cheap: sizes only. `check` reads every byte.
    """
    try:
        manifest = Manifest.model_validate_json((product.folder / MANIFEST).read_bytes())
        sizes = {name: (product.folder / name).stat().st_size for name in product.files}
    except (OSError, ValidationError):
        return None
    told = {name: stored.bytes for name, stored in manifest.files.items()}
    return manifest if manifest.digest == product.digest and told == sizes else None


def check(folder: Path, manifest: Manifest) -> None:
    """Reads every byte of a product.

    Raises:
        ToolCorrupt: a file differs from the manifest or cannot be read.
    """
    for name, stored in manifest.files.items():
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise _corrupt(manifest.name, f"{folder / name} cannot be read: {error}") from error
        if found != stored.sha256:
            raise _corrupt(
                manifest.name,
                f"{folder / name} has SHA-256 {found}, its manifest says {stored.sha256}",
            )


def _corrupt(name: str, message: str) -> ToolCorrupt:
    return ToolCorrupt(
        f"{message}.",
        next_step=f"`./lab toolchain build {name} --again` replaces it; "
        "then find out who changed it.",
    )


def sha256(file: Path) -> str:
    """Hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(group: str, name: str) -> Iterator[None]:
    """Holds the lock of a product; another process that wants to make it waits."""
    folder = paths.cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{group}-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def workplace(group: Path, name: str) -> Iterator[Path]:
    """A temporary folder with empty folders `out` and `work`, beside the products of a group.

    The caller holds the product's lock, so whatever an earlier, killed holder left is removed.
    """
    group.mkdir(parents=True, exist_ok=True)
    for leftover in group.glob(f".new.{name}.*"):
        shutil.rmtree(leftover)
    temporary = Path(tempfile.mkdtemp(prefix=f".new.{name}.", dir=group))
    try:
        for part in ("out", "work"):
            (temporary / part).mkdir()
        yield temporary
    finally:
        shutil.rmtree(temporary)


def build(product: Product, progress: Progress, make: Callable[[Workshop], float]) -> Manifest:
    """Makes a product and puts it in its place. The caller holds its lock.

    Args:
        product: what is made.
        progress: is shown the lines of the log.
        make: writes the files and returns the seconds that it took, or would have taken.

    Raises:
        ToolBuildFailed: the cache cannot be written to, or is full.
        LabError: what `make` raises; nothing is left behind then.
    """
    try:
        product.log.parent.mkdir(parents=True, exist_ok=True)
        with workplace(product.folder.parent, product.name) as temporary:
            out = temporary / "out"
            with product.log.open("w") as log:
                seconds = make(Workshop(product.name, out, temporary / "work", log, progress))
            manifest = _manifest(product, out, seconds)
            (out / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
            _flush(out)
            if product.folder.exists():
                # Something incomplete or asked to be replaced; it goes with the temporary folder.
                product.folder.rename(temporary / "old")
            out.rename(product.folder)
            _flush_folder(product.folder.parent)
    except OSError as error:
        raise ToolBuildFailed(
            f"{product.name} could not be written: {error}.",
            next_step=f"see that {paths.cache()} can be written to and has room, then run the "
            "same command again.",
        ) from error
    return manifest


def _manifest(product: Product, out: Path, seconds: float) -> Manifest:
    files = {
        name: StoredFile(sha256=sha256(out / name), bytes=(out / name).stat().st_size)
        for name in product.files
    }
    return Manifest(
        name=product.name,
        version=product.version,
        digest=product.digest,
        seconds=round(seconds, 1),
        files=files,
    )


def _flush(folder: Path) -> None:
    """Makes sure that the files are on disk before their name is."""
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
