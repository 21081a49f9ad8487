"""Container images as one archive that containerd, Docker, Podman and registries take alike.

An archive is an OCI image layout (index.json, blobs/) with Docker's manifest.json beside it. Layers
are not compressed: they are written and read on the same machine, and unpacking is what counts.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from infra.toolchain.tarball import Entry, HashingWriter, with_parents, write

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
#: The annotation by which containerd and `ctr images import` name an image.
_IMAGE_NAME = "io.containerd.image.name"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A finished layer."""

    file: Path
    #: Hex SHA-256 of the file.
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """One image of an archive."""

    #: Full name with registry and tag.
    reference: str
    layers: Sequence[Layer]
    #: Fields of the OCI image configuration's `config`, such as Entrypoint and User.
    config: Mapping[str, Any] = field(default_factory=dict)


def architecture() -> str:
    """OCI's name for the machine that this runs on."""
    return _MACHINES.get(platform.machine(), platform.machine())


def write_layer(folder: Path, name: str, entries: Iterable[Entry]) -> Layer:
    """Writes a layer into a folder as NAME.tar."""
    file = folder / f"{name}.tar"
    with file.open("wb") as stream:
        hashing = HashingWriter(stream)
        write(cast("BinaryIO", hashing), with_parents(entries))
    return Layer(file, hashing.digest, hashing.size)


def write_archive(target: Path, images: Sequence[Image]) -> None:
    """Writes an archive; the same images give the same bytes."""
    blobs: dict[str, bytes | Path] = {}
    manifests: list[dict[str, Any]] = []
    docker: list[dict[str, Any]] = []

    def blob(data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}

    for image in images:
        blobs |= {layer.digest: layer.file for layer in image.layers}
        config = blob(_json(_config(image)))
        layers = [
            {"mediaType": LAYER, "digest": f"sha256:{layer.digest}", "size": layer.size}
            for layer in image.layers
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": {"mediaType": CONFIG, **config},
            "layers": layers,
        }
        manifests.append(
            {
                "mediaType": IMAGE_MANIFEST,
                **blob(_json(manifest)),
                "annotations": {
                    _IMAGE_NAME: image.reference,
                    "org.opencontainers.image.ref.name": image.reference.rsplit(":", 1)[-1],
                },
                "platform": {"architecture": architecture(), "os": "linux"},
            }
        )
        docker.append(
            {
                "Config": _place(config["digest"]),
                "RepoTags": [image.reference],
                "Layers": [_place(layer.digest) for layer in image.layers],
            }
        )
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
    entries = [
        Entry("oci-layout", content=_json({"imageLayoutVersion": "1.0.0"})),
        Entry("index.json", content=_json(index)),
        Entry("manifest.json", content=_json(docker)),
        *(Entry(f"blobs/sha256/{digest}", content=content) for digest, content in blobs.items()),
    ]
    with target.open("wb") as stream:
        write(stream, with_parents(entries))


def _config(image: Image) -> dict[str, Any]:
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": dict(image.config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{x.digest}" for x in image.layers]},
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _place(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


class Reader:
    """Reads an archive that `write_archive` wrote."""

    def __init__(self, file: Path) -> None:
        self._archive = tarfile.open(file, "r:")  # noqa: SIM115 # closed by close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def images(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and descriptor of the manifest of every image."""
        index = json.loads(self.read("index.json"))
        return [(entry["annotations"][_IMAGE_NAME], entry) for entry in index["manifests"]]

    def read(self, path: str) -> bytes:
        """The whole of one file."""
        with self.open(path) as stream:
            return stream.read()

    def blob(self, digest: str) -> bytes:
        """The whole of a small blob."""
        return self.read(_place(digest))

    def open_blob(self, digest: str) -> BinaryIO:
        """A blob of any size, as a stream."""
        return self.open(_place(digest))

    def open(self, path: str) -> BinaryIO:
        stream = self._archive.extractfile(path)
        if stream is None:
            raise KeyError(path)
        return cast("BinaryIO", stream)
