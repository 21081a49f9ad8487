"""The image that everything of ours in a cluster runs from: what it can do, and what it cannot."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.harness.image_root import ImageRoot, unpacked

#: Bytes of all its files.
LARGEST = 130 * 2**20


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageRoot:
    return unpacked(tmp_path_factory.mktemp("image"))


def run(image: ImageRoot, shown: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        image.command(shown, words),
        env={**image.environment, "PATH": "/usr/bin:/usr/sbin:/bin:/sbin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("module", ["infra.auditor", "infra.operator", "infra.operator.exporting"])
def test_what_runs_from_it_starts(module: str, image: ImageRoot, tmp_path: Path) -> None:
    done = run(image, tmp_path, "python3", "-m", module, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: python -m {module}" in done.stdout


@pytest.mark.parametrize(
    "program",
    [
        "import kopf, kopf._core.reactor.running",
        "import hvac; hvac.Client(url='https://127.0.0.1:1')",
        "import psycopg; assert psycopg.pq.__impl__ == 'binary'",
        "from cryptography.hazmat.primitives.asymmetric import ed25519 as e;"
        " e.Ed25519PrivateKey.generate()",
        "import httpx, pydantic, structlog, tenacity, yaml",
        "from policies.registry import all_rules; assert all_rules()",
        "import ssl; assert ssl.create_default_context().get_ca_certs()",
    ],
)
def test_its_packages_load(program: str, image: ImageRoot, tmp_path: Path) -> None:
    done = run(image, tmp_path, "python3", "-c", program)
    assert done.returncode == 0, done.stderr


def test_it_is_nobody_and_can_write_nowhere(image: ImageRoot, tmp_path: Path) -> None:
    # Even where the folder is its own.
    os.chown(tmp_path, 65532, 65532)
    program = """
import os
print(os.getuid(), os.getgid(), os.getgroups())
for path in ("/x", "/tmp/x", "/opt/ai-lab/x", "/mnt/x"):
    try:
        open(path, "w")
    except OSError as error:
        print(error.strerror)
"""
    done = run(image, tmp_path, "python3", "-c", program)
    assert done.stdout.splitlines() == [
        "65532 65532 [65532]",
        *(["Read-only file system"] * 4),
    ], done.stderr


def test_there_is_no_shell_and_no_way_to_more_rights(image: ImageRoot) -> None:
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]
    programs = {path.name for path in files if path.parent.name in ("bin", "sbin")}
    assert programs == {"python3.13"}
    modes = {path: path.stat().st_mode for path in files}
    special = stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH
    assert not [path for path, mode in modes.items() if mode & special]


def test_it_is_small_and_starts_from_byte_code(image: ImageRoot) -> None:
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < LARGEST
    own = image.root / "opt" / "ai-lab"
    for source in own.rglob("*.py"):
        (code,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        # PEP 552: the second word says that a hash stands for the source, and is not compared.
        assert int.from_bytes(code.read_bytes()[4:8], "little") == 0b01
