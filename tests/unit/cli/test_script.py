"""The script `lab`, in a copy of the checkout's skeleton; the host's programs are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra import paths

PACKAGES = "gcc   builds runc\nzstd  archives\n# a comment\n"


@dataclass
class Checkout:
    root: Path
    home: Path
    bin: Path
    environment: dict[str, str] = field(default_factory=dict)

    def program(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    def run(
        self, *words: str, script: Path | None = None, cwd: Path = Path("/")
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(script or self.root / "lab"), *words],
            env={"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin", **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
        )

    @property
    def log(self) -> list[str]:
        file = self.home / "log"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "check out", tmp_path / "home", tmp_path / "bin")
    for folder in (made.root / "toolchain", made.home, made.bin):
        folder.mkdir(parents=True)
    shutil.copy(paths.REPOSITORY / "lab", made.root / "lab")
    (made.root / "toolchain" / "debian-packages.txt").write_text(PACKAGES)
    (made.root / "toolchain" / "debian-packages-test.txt").write_text("")
    (made.root / "toolchain" / "debian-packages-long.txt").write_text("qemu-utils  disks\n")
    (made.root / "toolchain" / "uv-requirements.txt").write_text("uv==1\n")
    (made.root / "uv.lock").write_text("")
    (made.root / "pyproject.toml").write_text("")
    log = made.home / "log"
    # A virtual environment whose Python says what it was asked to run.
    sync = (
        f'echo "uv $*" >>{log}; mkdir -p "$5/.venv/bin"; '
        'printf \'#!/bin/sh\\necho "$@"\\n\' >"$5/.venv/bin/python"; '
        'chmod +x "$5/.venv/bin/python"'
    )
    made.program("uv", sync)
    made.program("dpkg-query", "echo installed gcc; echo installed zstd")
    made.program("apt-get", f'echo "apt-get $*" >>{log}')
    made.program("id", "echo 0")
    return made


def test_first_run_makes_the_environment_and_the_second_does_not(checkout: Checkout) -> None:
    first = checkout.run("status", "--json")
    assert (first.returncode, first.stdout) == (0, "-P -m infra.cli status --json\n")
    assert len(checkout.log) == 1
    assert "sync --frozen" in checkout.log[0]
    checkout.run("status")
    assert len(checkout.log) == 1


def test_a_changed_lock_file_is_synchronised(checkout: Checkout) -> None:
    checkout.run("status")
    later = time.time() + 5
    os.utime(checkout.root / "uv.lock", (later, later))
    checkout.run("status")
    assert len(checkout.log) == 2


def test_it_works_from_anywhere_and_through_a_link(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(checkout.root / "lab")
    second = tmp_path / "second"
    second.symlink_to(link)
    done = checkout.run("env", script=second, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "-P -m infra.cli env\n")


def test_arguments_arrive_as_they_are(checkout: Checkout) -> None:
    done = checkout.run("verify", "--only", "a b*", "--junit", "x y")
    assert done.stdout == "-P -m infra.cli verify --only a b* --junit x y\n"


@pytest.mark.parametrize("words", [("--yes", "test"), ("test", "--yes"), ("-y", "up")])
def test_missing_packages_are_installed(checkout: Checkout, words: tuple[str, ...]) -> None:
    checkout.program("dpkg-query", "echo installed gcc; echo not-installed zstd; exit 1")
    done = checkout.run(*words)
    assert done.returncode == 0, done.stderr
    assert checkout.log[0] == "apt-get -q update"
    assert checkout.log[1].endswith(" zstd")


def test_nobody_to_ask(checkout: Checkout) -> None:
    checkout.program("dpkg-query", "exit 1")
    done = checkout.run("up")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "LAB-202" in done.stderr
    assert "gcc zstd" in done.stderr
    assert "--yes" in done.stderr
    assert checkout.log == []


def test_not_root(checkout: Checkout) -> None:
    checkout.program("dpkg-query", "exit 1")
    checkout.program("id", "echo 1000")
    done = checkout.run("up", "--yes")
    assert done.returncode == 3
    assert "as root: apt-get install gcc zstd" in done.stderr


def test_apt_fails(checkout: Checkout) -> None:
    checkout.program("dpkg-query", "exit 1")
    checkout.program("apt-get", "echo no mirror >&2; exit 100")
    done = checkout.run("up", "--yes")
    assert done.returncode == 3
    assert "LAB-202 apt-get could not install: gcc zstd" in done.stderr


@pytest.mark.parametrize(
    "words", [("doctor",), ("up", "--help"), ("--stack", "up", "status"), ("env",), ()]
)
def test_looking_needs_no_packages(checkout: Checkout, words: tuple[str, ...]) -> None:
    checkout.program("dpkg-query", "exit 1")
    assert checkout.run(*words).returncode == 0


def test_uv_fails(checkout: Checkout) -> None:
    checkout.program("uv", "echo no registry >&2; exit 2")
    done = checkout.run("status")
    assert done.returncode == 3
    assert "LAB-208" in done.stderr
    assert not (checkout.root / ".venv" / ".lab-synced").exists()


def test_packages_of_tests_are_asked_for_by_tests_only(checkout: Checkout) -> None:
    (checkout.root / "toolchain" / "debian-packages-test.txt").write_text("postgresql  a store\n")
    assert checkout.run("up").returncode == 0
    done = checkout.run("test")
    assert done.returncode == 3
    assert "missing: postgresql" in done.stderr
    installed = "; ".join(f"echo installed {name}" for name in ("gcc", "zstd", "postgresql"))
    checkout.program("dpkg-query", installed)
    assert checkout.run("test").returncode == 0


def test_packages_of_long_tests_are_asked_for_by_long_tests_only(checkout: Checkout) -> None:
    assert checkout.run("test").returncode == 0
    done = checkout.run("test", "--long")
    assert done.returncode == 3
    assert "LAB-202 these Debian packages are missing: qemu-utils" in done.stderr
    assert checkout.run("test", "--long", "--yes").returncode == 0
    assert any("install -y" in line and "qemu-utils" in line for line in checkout.log)


def test_uv_is_installed_where_there_is_none(checkout: Checkout) -> None:
    uv = (checkout.bin / "uv").rename(checkout.home / "uv")
    # `python3 -m venv FOLDER` makes a pip that "installs" uv.
    installer = checkout.home / "pip"
    installer.write_text(
        f'#!/bin/sh\necho "pip $*" >>{checkout.home}/log\ncp {uv} "$(dirname "$0")/uv"\n'
    )
    installer.chmod(0o755)
    checkout.program(
        "python3",
        f'[ "$1" = -c ] && exit 0; mkdir -p "$3/bin"; cp {installer} "$3/bin/pip"',
    )
    done = checkout.run("status")
    assert done.returncode == 0, done.stderr
    assert "--require-hashes" in checkout.log[0]
    assert (checkout.home / ".cache/ai-lab/uv/bin/uv").exists()
    (checkout.root / ".venv/.lab-synced").unlink()
    assert checkout.run("status").returncode == 0
    assert sum(line.startswith("pip") for line in checkout.log) == 1


def test_uv_cannot_be_installed(checkout: Checkout) -> None:
    (checkout.bin / "uv").unlink()
    checkout.program("python3", '[ "$1" = -c ] && exit 0; exit 1')
    done = checkout.run("status")
    assert done.returncode == 3
    assert "LAB-208 uv could not be installed" in done.stderr


def test_it_is_quick(checkout: Checkout) -> None:
    checkout.run("up")
    begin = time.monotonic()
    checkout.run("up")
    assert time.monotonic() - begin < 0.3


def test_the_real_lists_are_well_formed() -> None:
    for name in ("debian-packages", "debian-packages-test", "debian-packages-long"):
        lines = (paths.REPOSITORY / f"toolchain/{name}.txt").read_text().splitlines()
        packages = [line for line in lines if not line.startswith("#")]
        assert packages == sorted(packages)
        assert all(len(line.split(maxsplit=1)) == 2 for line in packages), "each has its reason"
    assert "--hash=sha256:" in (paths.REPOSITORY / "toolchain/uv-requirements.txt").read_text()
