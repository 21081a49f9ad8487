"""Tar archives that are the same, byte for byte, whenever and wherever they are written."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO, Literal

#: Time of every entry (2026-01-01, UTC), in seconds since 1970.
EPOCH = 1767225600
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive. Its owner is `owner` as user and group, by number only."""

    #: Relative, without a leading "./".
    path: str
    kind: Literal["file", "folder", "link"] = "file"
    #: What a file holds: itself, or the file that it is copied from.
    content: bytes | Path = b""
    #: Where a symbolic link points to.
    target: str = ""
    mode: int = 0o644
    owner: int = 0


def folder_entries(
    folder: Path, prefix: str = "", keep: Callable[[str], bool] = lambda _: True
) -> Iterator[Entry]:
    """Everything below a folder, under a prefix; devices and sockets are left out.

    Args:
        folder: where it lies.
        prefix: what the paths begin with in the archive.
        keep: is asked for each path relative to `folder`; a folder that is not kept takes with it
            all that is in it.
    """
    for item in sorted(folder.iterdir()):
        relative = item.name
        if not keep(relative):
            continue
        path = f"{prefix}/{relative}" if prefix else relative
        mode = item.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield Entry(path, "link", target=str(item.readlink()), mode=0o777)
        elif stat.S_ISDIR(mode):
            yield Entry(path, "folder", mode=stat.S_IMODE(mode))
            yield from folder_entries(item, path, partial(_below, relative, keep))
        elif stat.S_ISREG(mode):
            yield Entry(path, "file", item, mode=stat.S_IMODE(mode))


def _below(folder: str, keep: Callable[[str], bool], name: str) -> bool:
    return keep(f"{folder}/{name}")


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in order of their paths, with the folders that they lie in.

    A path that comes twice is what its last entry says.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        parts = entry.path.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            found.setdefault(parent, Entry(parent, "folder", mode=0o755))
        found[entry.path] = entry
    return [found[path] for path in sorted(found)]


def write(stream: BinaryIO, entries: Iterable[Entry]) -> None:
    """Writes an archive in the order of the entries."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            _add(archive, entry)


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode, info.mtime = entry.mode, EPOCH
    info.uid = info.gid = entry.owner
    if entry.kind == "folder":
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif entry.kind == "link":
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
        archive.addfile(info)
    elif isinstance(entry.content, Path):
        with entry.content.open("rb") as content:
            info.size = entry.content.stat().st_size
            archive.addfile(info, content)
    else:
        info.size = len(entry.content)
        archive.addfile(info, io.BytesIO(entry.content))


def write_gzip(file: Path, entries: Iterable[Entry]) -> None:
    """Writes a compressed archive, without parents, in order of the paths."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    with (
        file.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
    ):
        # GzipFile is all that a writer needs of a binary stream.
        write(packed, ordered)  # type: ignore[arg-type]


class HashingWriter(io.RawIOBase):
    """A stream that counts and hashes what goes through it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._hash.update(data)
        self.size += len(data)
        return self._stream.write(data)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything written so far."""
        return self._hash.hexdigest()


@cache
def source_digest(*modules: str) -> str:
    """Digest of this module and of others: another way of packing makes another product."""
    digest = hashlib.sha256()
    for name in (__file__, *modules):
        digest.update(hashlib.sha256(Path(name).read_bytes()).digest())
    return digest.hexdigest()
