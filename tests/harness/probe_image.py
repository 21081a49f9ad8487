"""The programs of the probe image, run on this host: what a probe pod does, without a pod."""

from __future__ import annotations

import tarfile
from pathlib import Path

from infra import toolchain
from infra.errors import ToolMissing


def unpack(folder: Path) -> Path:
    """Unpacks the image; its `bin`, whose programs are static.

    Raises:
        ToolMissing: the image was not made yet.
    """
    archive = toolchain.artifacts(planned=True)["image-probe"].path
    if not archive.exists():
        raise ToolMissing(
            f"{archive} is not there.", next_step="run `./lab toolchain build image-probe`."
        )
    layers = folder / "layers"
    with tarfile.open(archive) as image:
        image.extractall(layers, filter="data")
    root = folder / "root"
    for blob in sorted((layers / "blobs" / "sha256").iterdir()):
        if tarfile.is_tarfile(blob):
            with tarfile.open(blob) as layer:
                layer.extractall(root, filter="data")
    return root / "bin"
