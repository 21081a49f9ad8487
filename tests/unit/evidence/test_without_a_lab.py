"""Verifying runs on a machine without the lab: there are only the packages that are named here."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.paths import REPOSITORY
from tests.harness.evidence import MemorySigner, exported

SIGNER = MemorySigner()
[KEY] = SIGNER.public_keys()

#: What an auditor installs for the library, and for the command.
LIBRARY = ("cryptography", "pydantic")
COMMAND = (*LIBRARY, "rich", "typer")

_PROGRAM = """
import sys
sys.path[:0] = [{folder!r}]
import socket
def refuse(*_, **__):
    raise AssertionError("verifying asks nobody")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
_LIBRARY = """
from pathlib import Path
from infra.evidence.keys import read
from infra.evidence.verification import Trusted, verify
found = verify(Path(sys.argv[1]), Trusted(keys=read(Path(sys.argv[2]).read_bytes())))
print([str(fault) for fault in found.faults], len(found.records))
"""
_COMMAND = """
from infra.cli.main import main
main(["evidence", "verify", sys.argv[1], "--key", sys.argv[2]])
"""


def needed(package: str) -> Iterator[str]:
    """A distribution and all that it needs."""
    yield package
    for text in importlib.metadata.requires(package) or []:
        if "extra ==" in text:
            continue
        name = re.split(r"[^A-Za-z0-9_.-]", text, maxsplit=1)[0]
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or version of Python
        yield from needed(name)


def machine(folder: Path, packages: tuple[str, ...]) -> Path:
    """A folder with `infra` and these packages only; Python starts without its site-packages."""
    for package in {name for one in packages for name in needed(one)}:
        installed = importlib.metadata.distribution(package)
        for top in {file.parts[0] for file in installed.files or []} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(installed.locate_file(top))))
    (folder / "infra").symlink_to(REPOSITORY / "infra")
    return folder


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _PROGRAM.format(folder=str(folder)) + program,
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(folder)},
        cwd="/",
    )


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, str]:
    """A bundle and a key."""
    file, key = tmp_path / "bundle.tar", tmp_path / "key.pem"
    file.write_bytes(exported(SIGNER))
    key.write_bytes(KEY.pem)
    return str(file), str(key)


def test_the_library(tmp_path: Path, given: tuple[str, str]) -> None:
    done = run(machine(tmp_path, LIBRARY), _LIBRARY, *given)
    assert (done.stdout, done.stderr) == ("[] 13\n", "")


def test_the_command(tmp_path: Path, given: tuple[str, str]) -> None:
    folder = machine(tmp_path, COMMAND)
    for absent in ("pulumi", "hvac", "psycopg", "kubernetes", "yaml", "requests", "pytest"):
        assert not (folder / absent).exists()
    done = run(folder, _COMMAND, *given)
    assert done.stdout.startswith("whole: 13 records of sandbox alice")
    assert (done.returncode, done.stderr) == (0, "")
    file = Path(given[0])
    file.write_bytes(file.read_bytes().replace(b"eyJ", b"eyK", 1))
    assert run(folder, _COMMAND, *given).returncode == 1


def test_the_machine_lacks_what_was_not_given(tmp_path: Path) -> None:
    folder = machine(tmp_path, COMMAND)
    for absent in ("pulumi", "hvac", "psycopg", "kubernetes", "yaml"):
        done = run(folder, f"import {absent}")
        assert "ModuleNotFoundError" in done.stderr
    done = run(folder, "socket.create_connection(('127.0.0.1', 9))")
    assert "verifying asks nobody" in done.stderr
