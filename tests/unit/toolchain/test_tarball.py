from __future__ import annotations

import io
import os
import socket
import tarfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infra.toolchain import debian, tarball
from infra.toolchain.tarball import Entry

_NAMES = st.text("abc-.", min_size=1, max_size=4).filter(lambda x: x.strip(".") == x)
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map("/".join)


def packed(entries: list[Entry]) -> bytes:
    stream = io.BytesIO()
    tarball.write(stream, tarball.with_parents(entries))
    return stream.getvalue()


@given(st.data(), st.dictionaries(_PATHS, st.binary(max_size=20), max_size=8))
def test_the_order_of_entries_does_not_matter(data: st.DataObject, files: dict[str, bytes]) -> None:
    entries = [Entry(path, content=content) for path, content in files.items()]
    assert packed(entries) == packed(data.draw(st.permutations(entries)))


@given(st.lists(_PATHS, max_size=8))
def test_every_folder_comes_before_what_is_in_it(paths: list[str]) -> None:
    seen: set[str] = set()
    for entry in tarball.with_parents([Entry(path) for path in paths]):
        parent = entry.path.rpartition("/")[0]
        assert not parent or parent in seen
        seen.add(entry.path)


def test_entries_carry_nothing_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("x")
    (tmp_path / "tree" / "link").symlink_to("sub/file")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path / "tree")
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        first = packed(list(tarball.folder_entries(tmp_path / "tree", "top")))
    (tmp_path / "tree" / "socket").unlink()
    os.utime(tmp_path / "tree" / "sub" / "file", (1, 1))
    assert packed(list(tarball.folder_entries(tmp_path / "tree", "top"))) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == ["top", "top/link", "top/sub", "top/sub/file"]
    for member in members:
        assert (member.uid, member.gid, member.uname, member.mtime) == (0, 0, "", tarball.EPOCH)


def test_a_compressed_archive_has_no_time_and_no_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tarball.write_gzip(tmp_path / name, [Entry("b"), Entry("a", content=b"x", owner=7)])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with tarfile.open(tmp_path / "one", "r:gz") as archive:
        assert archive.getnames() == ["a", "b"]
        assert archive.getmember("a").uid == 7


def test_the_last_entry_of_a_path_wins() -> None:
    entries = tarball.with_parents([Entry("a", content=b"1"), Entry("a", content=b"2")])
    assert [entry.content for entry in entries] == [b"2"]


def test_hashing() -> None:
    sink = io.BytesIO()
    stream = tarball.HashingWriter(sink)
    stream.write(b"abc")
    assert stream.writable()
    assert stream.digest.startswith("ba7816bf")
    assert (stream.size, sink.getvalue()) == (3, b"abc")


def test_folders_that_are_not_kept_take_their_content_with_them(tmp_path: Path) -> None:
    for path in ("usr/share/doc/x/y", "usr/bin/z", "var/cache/c", "usr/lib/x86/libfoo.a"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    kept = {entry.path for entry in debian.entries(tmp_path) if entry.kind == "file"}
    assert kept == {"usr/bin/z"}
    assert {entry.path for entry in debian.entries(tmp_path)} >= {"var", "usr/share"}


def test_a_pattern_speaks_of_one_level() -> None:
    assert debian.kept("usr/lib/x86/deep/libfoo.a")
    assert not debian.kept("usr/lib/x86/libfoo.a")
    assert debian.kept("tmp")
