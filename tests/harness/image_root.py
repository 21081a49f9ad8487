"""The image `ai-lab`, unpacked and run as a container would: its user, a root that is read-only.

By chroot in a mount namespace of its own, so that no container runtime is needed; as root.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from infra import toolchain
from infra.toolchain.archive import Reader

#: A private view of the root: what is mounted goes with the process. What must be shown of this
#: host is bound into it before the root is made read-only.
_ENTER = """
set -eu
root=$1; shown=$2; user=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$shown" "$root/mnt"
mount -o remount,bind,ro "$root"
mount -o remount,bind,ro "$root/mnt"
exec chroot --userspec="$user" "$root" "$@"
"""


class Silent:
    """Nobody looks; a failure has its own message."""

    def begin(self, name: str, action: str, log: Path) -> None:
        """It begins."""

    def line(self, name: str, text: str) -> None:
        """It goes on."""

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """It ends."""


@dataclass(frozen=True, slots=True)
class ImageRoot:
    """An unpacked image."""

    root: Path
    user: str
    environment: Mapping[str, str]

    def command(self, shown: Path, words: Sequence[str]) -> list[str]:
        """Runs `words` in it; the folder `shown` of this host is at /mnt there, read-only."""
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "enter"]
        return [*enter, str(self.root), str(shown), self.user, *words]


def unpacked(target: Path) -> ImageRoot:
    """The image of this checkout, made if it is not there (a minute), in a folder of its own."""
    toolchain.ensure(["image-ai-lab"], progress=Silent())
    archive = toolchain.artifacts(planned=True)["image-ai-lab"].path
    with Reader(archive) as reader:
        ((_, descriptor),) = reader.images()
        manifest = json.loads(reader.blob(descriptor["digest"]))
        config = json.loads(reader.blob(manifest["config"]["digest"]))["config"]
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=reader.open_blob(layer["digest"])) as content:
                content.extractall(target, filter="tar")
    # As a container runtime makes a root, and with something to mount on.
    target.chmod(0o755)
    (target / "mnt").mkdir()
    environment = dict(cast("str", entry).split("=", 1) for entry in config["Env"])
    return ImageRoot(target, config["User"], environment)
