"""The root file system that all local machines share, unpacked from the toolchain's archive.

It lies in the cache under the digest of its recipe. Machines put an overlay on it, so it is
never written to.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import paths, toolchain
from infra.errors import ImageBuildFailed, MachineFailed
from infra.hosts.commands import run
from infra.toolchain import machine_base

#: For whoever builds machines of another kind from the same packages.
PACKAGES = machine_base.PACKAGES
_PREFIX = "base-"
MOUNTS = Path("/proc/self/mountinfo")


def digest() -> str:
    """Hex digest (12 characters) of the recipe; another recipe is another image."""
    return machine_base.recipe()[:12]


def location() -> Path:
    return _folder() / f"{_PREFIX}{digest()}"


def _folder() -> Path:
    return paths.cache() / "images"


@contextmanager
def _locked() -> Iterator[None]:
    """Holds the lock of all base images; what a killed holder left half-made is removed."""
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in _folder().glob("base-tmp.*"):
            shutil.rmtree(leftover)
        yield


def ensure(report: Callable[[str], None] = lambda _: None) -> Path:
    """Unpacks the image unless it is there. `report` is told, once, that this is done.

    A kill leaves only a temporary folder, which the next call removes.

    Raises:
        ToolMissing: its archive has not been made yet.
        ImageBuildFailed: it cannot be unpacked; the message carries tar's last words.
    """
    target = location()
    if target.is_dir():
        return target
    archive = toolchain.machine_archive()
    with _locked():
        if target.is_dir():
            return target
        report(f"Unpacking the base image {target.name}")
        work = Path(tempfile.mkdtemp(prefix="base-tmp.", dir=_folder()))
        (work / "root").mkdir()
        _unpack(archive, work / "root")
        (work / "root").rename(target)
        work.rmdir()
    return target


def _unpack(archive: Path, root: Path) -> None:
    command: list[str | Path] = ["tar", "--extract", "--file", archive, "--directory", root]
    # File capabilities are extended attributes; systemd-nspawn gives every machine its own /dev.
    command += ["--numeric-owner", "--same-owner", "--preserve-permissions"]
    command += ["--xattrs", "--xattrs-include=*", "--exclude=./dev/*"]
    try:
        run(command, timeout=600)
    except MachineFailed as error:
        raise ImageBuildFailed(
            f"the base image cannot be unpacked: {error.message}",
            next_step="see that the cache has room (1 GiB), then run the same command again; "
            f"`./lab toolchain verify {machine_base.NAME}` checks the archive.",
        ) from error


def unused(machines: Path) -> list[Path]:
    """Unpacked images that neither this checkout nor a machine on this host uses.

    Args:
        machines: folder of all labs; each machine there has a link `base` to its image.
    """
    used = {link.resolve() for link in machines.glob("*/machines/*/base")} | {location()}
    # Those of machines that are up for another LAB_HOME.
    used |= {Path(layer) for layer in re.findall(r"lowerdir=([^,: ]+)", MOUNTS.read_text())}
    return sorted(
        folder for folder in _folder().glob(f"{_PREFIX}*") if folder.is_dir() and folder not in used
    )


def remove(image: Path) -> None:
    """Removes an unpacked image; a kill meanwhile leaves only what the next call removes."""
    with _locked():
        work = Path(tempfile.mkdtemp(prefix="base-tmp.", dir=_folder()))
        image.rename(work / "root")
        shutil.rmtree(work)
