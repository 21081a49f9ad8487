"""The search for a secret finds every copy that it must find, and leaves none itself."""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path

import pytest

from tests.live.support import canary


@pytest.fixture
def value() -> str:
    return canary.new_value()


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "abcd"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
def test_base64_is_found_wherever_it_begins(
    before: str, after: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "encoded"
    file.write_bytes(base64.b64encode(f"{before}{value}{after}".encode()))
    assert canary.in_files(value, [tmp_path]) == [str(file)]


def test_plain_and_hexadecimal_copies_are_found(value: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "state.json").write_text(f'{{"secret": "{value}"}}')
    (tmp_path / "core").write_bytes(b"\0\1" + value.encode() + b"\xff")
    (tmp_path / "hex").write_text(value.encode().hex().upper())
    assert len(canary.in_files(value, [tmp_path])) == 3


def test_a_copy_in_an_image_is_found(value: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(value)
    images = tmp_path / "images"
    images.mkdir()
    with tarfile.open(images / "image.tar", "w") as archive:
        archive.add(secret, "secret")
    assert canary.in_files(value, [images]) == [str(images / "image.tar")]


def test_nothing_is_found_where_nothing_is(value: str, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(canary.new_value())
    assert canary.in_files(value, [tmp_path, tmp_path / "gone"]) == []


def test_an_argument_of_a_process_is_found(value: str) -> None:
    with canary.as_argument(value) as process:
        assert canary.in_processes(value) == [f"/proc/{process}/cmdline"]
    assert canary.in_processes(value) == []
