from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.evidence.archive import MOST_FILES, pack, unpack
from infra.evidence.faults import Kind
from infra.evidence.manifest import belongs

FILES = {"README.txt": b"read", "records.jsonl": b"x" * 513, "manifest.dsse.json": b""}
PACKED = pack(FILES)


def kinds(data: bytes) -> list[Kind]:
    return [fault.kind for fault in unpack(data, belongs)[1]]


def test_it_reads_what_it_writes() -> None:
    assert unpack(PACKED, belongs) == (FILES, [])
    assert pack(dict(reversed(FILES.items()))) == PACKED


def test_any_tar_unpacks_it(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar"
    file.write_bytes(PACKED)
    assert shutil.which("tar")
    subprocess.run(["tar", "xf", str(file)], cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as made:
        for info, content in members:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def info(name: str, **attributes: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(made, attribute, value)
    return made


@pytest.mark.parametrize(
    "name",
    [
        "../records.jsonl",
        "/etc/passwd",
        "./records.jsonl",
        "keys/../../x.pem",
        "keys/x.pem",
        "keys/" + "A" * 64 + ".pem",
        "keys/" + "a" * 64,
        "manifest.json",
        "sub/records.jsonl",
        "records.jsonl/",
        "evil\x1b[2J",
    ],
)
def test_files_that_do_not_belong(name: str) -> None:
    files, faults = unpack(tar((info(name), b"x")), belongs)
    assert files == {}
    assert [fault.kind for fault in faults] == [Kind.FOREIGN]
    assert "\x1b" not in str(faults[0])


@pytest.mark.parametrize(
    "attributes",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "README.txt"},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.CONTTYPE},
        {"type": tarfile.GNUTYPE_SPARSE},
        {"mtime": 1},
        {"mode": 0o4755},
        {"uid": 1},
        {"uname": "root"},
    ],
)
def test_files_of_another_form(attributes: dict[str, object]) -> None:
    assert Kind.CHANGED in kinds(tar((info("records.jsonl", **attributes), b"")))


def test_folders() -> None:
    assert kinds(tar((info("keys", type=tarfile.DIRTYPE), b""))) == [Kind.FOREIGN]


def test_no_name_hides_in_further_headers() -> None:
    """Long names, pax records: nobody looks at what they say; they are files of no name of ours."""
    long = "keys/" + "a" * 200 + ".pem"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        files, faults = unpack(tar((info(long), b"x"), form=form), belongs)
        assert files == {}
        assert faults


def test_the_first_of_two_counts() -> None:
    data = tar((info("README.txt"), b"1"), (info("README.txt"), b"2"))
    files, faults = unpack(data, belongs)
    assert files == {"README.txt": b"1"}
    assert [fault.kind for fault in faults] == [Kind.REPEATED]


def test_another_order() -> None:
    data = tar((info("records.jsonl"), b"1"), (info("README.txt"), b"2"))
    assert kinds(data) == [Kind.CHANGED]


def test_a_size_that_is_larger_than_the_file() -> None:
    header = info("records.jsonl")
    header.size = 8**11 - 1
    assert kinds(header.tobuf(tarfile.USTAR_FORMAT) + b"x" * 512) == [Kind.TRUNCATED]


def test_a_size_that_tar_would_read_in_another_way() -> None:
    """GNU tar reads a size in base 256 where the first bit says so."""
    header = bytearray(PACKED[:512])
    header[124:136] = b"\x80" + bytes(10) + b"\x01"
    assert Kind.CHANGED in kinds(bytes(header) + bytes(1024))


def test_too_many_files() -> None:
    data = tar(*((info(f"f{number}"), b"") for number in range(MOST_FILES + 1)))
    found = kinds(data)
    assert found[-1] is Kind.TOO_LARGE
    assert len(found) == MOST_FILES + 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PACKED + b"\0",
        PACKED + b"x",
        PACKED[:-1],
        PACKED[:-512],
        PACKED[:700],
        b"PK\x03\x04" + bytes(600),
        bytes(10240) + PACKED,
    ],
)
def test_what_is_no_bundle(data: bytes) -> None:
    assert kinds(data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_any_byte_of_the_container_counts(position: int, change: int) -> None:
    data = bytearray(PACKED)
    data[position] ^= change
    files, faults = unpack(bytes(data), belongs)
    assert faults or files != FILES


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_it_never_fails_itself(data: bytes) -> None:
    unpack(data, belongs)
