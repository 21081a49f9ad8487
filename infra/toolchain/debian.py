"""Files of Debian packages for images, unpacked by mmdebstrap without running any of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from infra.toolchain.products import Workshop
from infra.toolchain.tarball import EPOCH, Entry, folder_entries

SUITE = "trixie"

#: What no container needs: documentation, translations, everything for compiling, sanitizers,
#: package managers' own files, and what differs from one unpacking to the next.
_LEFT_OUT = (
    "boot",
    "dev/*",
    "etc/apt",
    "etc/cron.*",
    "etc/init.d",
    "etc/resolv.conf",
    "etc/hostname",
    "etc/machine-id",
    "lib/systemd",
    "proc/*",
    "run/*",
    "sys/*",
    "tmp/*",
    "usr/include",
    "usr/lib/gcc",
    "usr/lib/linux",
    "usr/lib/llvm-*/include",
    "usr/lib/llvm-*/share",
    "usr/lib/llvm-*/build",
    "usr/lib/llvm-*/lib/clang",
    "usr/lib/llvm-*/lib/*.a",
    "usr/lib/systemd",
    "usr/lib/*/*.a",
    "usr/lib/*/*.o",
    "usr/lib/*/gconv",
    "usr/lib/*/lib[!a-z]*san.so*",
    "usr/lib/*/lib*san.so*",
    "usr/lib/*/libclang-19.so*",
    "usr/lib/*/libgprofng*",
    "usr/lib/*/libbfd*",
    "usr/lib/*/libopcodes*",
    "usr/lib/*/perl*",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/doc-base",
    "usr/share/gcc",
    "usr/share/gdb",
    "usr/share/i18n",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl*",
    "usr/share/zoneinfo",
    "var/*",
)


def unpack(packages: Sequence[str], target: Path, shop: Workshop) -> None:
    """Unpacks packages and what they depend on into a folder.

    Args:
        packages: names in Debian's archive.
        target: a folder that does not exist yet.
        shop: where the output goes.

    Raises:
        ToolBuildFailed: mmdebstrap is missing or failed.
    """
    shop.run(
        [
            "mmdebstrap",
            "--variant=extract",
            f"--include={','.join(packages)}",
            SUITE,
            str(target),
        ],
        environment=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"},
    )


def kept(path: str, left_out: Sequence[str] = _LEFT_OUT) -> bool:
    """Whether a path of an unpacked root belongs into an image."""
    return not any(_matches(path, pattern) for pattern in left_out)


def _matches(path: str, pattern: str) -> bool:
    # fnmatch's star crosses slashes; a pattern here speaks of one level only.
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)


def entries(root: Path) -> list[Entry]:
    """What an image takes of an unpacked root, as root's own."""
    return list(folder_entries(root, keep=kept))
