"""Python packages of the image `ai-lab`: exactly those of uv.lock, each with its checksums.

The list is written from the lock (`python -m infra.toolchain.python_packages`) and committed, so
that who reviews a change sees what comes into clusters, and no build resolves anything.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from infra import paths
from infra.errors import ToolMissing
from infra.toolchain import recipes
from infra.toolchain.products import Workshop

#: Of the image's Debian release.
PYTHON = "3.13"
#: glibc that wheels may need; the image's is newer.
_PLATFORM = "manylinux_2_40"
#: Group of pyproject.toml.
_GROUP = "cluster"
#: What only the command line of common-expression-language imports, which policies.expressions
#: keeps from being loaded; and what only other systems have.
_LEFT_OUT = (
    "annotated-doc",
    "colorama",
    "markdown-it-py",
    "mdurl",
    "prompt-toolkit",
    "pygments",
    "rich",
    "shellingham",
    "typer",
    "tzdata",
    "wcwidth",
)
_HEAD = """\
# Python packages of the image `ai-lab`, from uv.lock's group `cluster`.
# Not written by hand: `python -m infra.toolchain.python_packages`.
"""


def file() -> Path:
    """The committed list."""
    return recipes.root() / "ai-lab" / "requirements.txt"


def uv() -> str:
    """The uv on PATH, or the one that `./lab` has installed.

    Raises:
        ToolMissing: there is neither.
    """
    own = paths.cache() / "uv" / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.exists() else None)
    if found is None:
        raise ToolMissing(
            "uv is neither on PATH nor in the cache.",
            next_step="remove .venv and run ./lab, which installs it; or set LAB_MIRROR.",
        )
    return found


def locked() -> str:
    """The list as uv.lock has it now.

    Raises:
        ToolMissing: there is no uv.
    """
    left_out = [word for name in _LEFT_OUT for word in ("--no-emit-package", name)]
    command = [uv(), "export", "--frozen", "--quiet", "--only-group", _GROUP]
    command += ["--no-emit-project", "--no-header", "--no-annotate", *left_out]
    done = subprocess.run(command, cwd=paths.REPOSITORY, capture_output=True, text=True, check=True)
    return _HEAD + done.stdout


def install(target: Path, shop: Workshop) -> None:
    """Unpacks the packages into a folder; nothing of them is run, and nothing is compiled.

    Raises:
        ToolMissing: there is no uv.
        ToolBuildFailed: a package cannot be had, or is another than its checksum says.
    """
    command = [uv(), "pip", "install", "--quiet", "--no-progress"]
    command += ["--target", str(target), "--python", sys.executable]
    command += ["--python-version", PYTHON]
    command += ["--python-platform", f"{platform.machine()}-{_PLATFORM}"]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-compile-bytecode", "--link-mode", "copy", "--requirement", str(file())]
    shop.run(command)


if __name__ == "__main__":
    file().write_text(locked())
