"""The file that a bundle is: a plain tar (POSIX ustar), of which only one form is accepted.

Not compressed, on purpose: what is read is never larger than the file, any machine has a program
that unpacks it, and the same content is the same bytes everywhere (a compressor's output differs
between versions). `unpack` compares the whole file with what `pack` writes for what it has read, so
that there is no second way to say anything, and never writes a file.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping

from infra.evidence.faults import Fault, Kind

#: Bytes of a bundle; some 50,000 records.
LARGEST = 64 * 1024 * 1024
#: No more files than this are looked at.
MOST_FILES = 64

_BLOCK = tarfile.BLOCKSIZE
#: The bundle itself, in faults.
WHERE = "bundle"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files, sorted by name."""
    parts = []
    for name in sorted(files):
        content = files[name]
        parts += [_header(name, len(content)), content, bytes(-len(content) % _BLOCK)]
    packed = b"".join(parts)
    end = 2 * _BLOCK
    return packed + bytes(end + -(len(packed) + end) % tarfile.RECORDSIZE)


def unpack(data: bytes, belongs: Callable[[str], bool]) -> tuple[dict[str, bytes], list[Fault]]:
    """The files whose name `belongs` in an archive, and everything that is odd about it."""
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    offset = count = 0
    while any(header := data[offset : offset + _BLOCK]):
        count += 1
        if count > MOST_FILES:
            faults.append(Fault(Kind.TOO_LARGE, WHERE, f"more than {MOST_FILES} files"))
            break
        read = _read(header)
        if read is None:
            faults.append(_changed(f"no file begins at byte {offset}"))
            break
        name, size = read
        content = data[offset + _BLOCK : offset + _BLOCK + size]
        if len(content) < size:
            faults.append(Fault(Kind.TRUNCATED, WHERE, f"{name!a} is not all there"))
            break
        faults += _member(name, files, belongs)
        if belongs(name):
            files.setdefault(name, content)
        offset += _BLOCK + size + -size % _BLOCK
    if not faults and pack(files) != data:
        # Headers, order, padding, or bytes after the end.
        faults.append(_changed("is not written as its writer writes it"))
    return files, faults


def _member(name: str, files: Mapping[str, bytes], belongs: Callable[[str], bool]) -> list[Fault]:
    if not belongs(name):
        return [Fault(Kind.FOREIGN, WHERE, f"{name!a} does not belong into a bundle")]
    if name in files:
        return [Fault(Kind.REPEATED, WHERE, f"{name} is there twice; the first one is looked at")]
    return []


def _read(header: bytes) -> tuple[str, int] | None:
    """Name and size of a file; None if this is no header."""
    try:
        name = header[:100].rstrip(b"\0").decode("ascii")
        digits = header[124:135].decode("ascii")
    except UnicodeDecodeError:
        return None
    if len(header) < _BLOCK or not name or not digits.isdigit() or set(digits) - set("01234567"):
        return None
    return name, int(digits, 8)


def _header(name: str, size: int) -> bytes:
    file = tarfile.TarInfo(name)
    file.size = size
    return file.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _changed(what: str) -> Fault:
    return Fault(Kind.CHANGED, WHERE, what)
