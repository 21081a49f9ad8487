"""The lab's own image as pods name it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra import naming, toolchain
from infra.marks import UNKNOWN_TEXT
from infra.toolchain import Artifact
from infra.toolchain.images import AI_LAB

#: On pods of ours: digest of the archive that their image came from. The image's name tells what
#: it is made from; this also changes with the state of Debian's archive.
ANNOTATION_ARCHIVE = f"{naming.LABEL_PREFIX}/image-archive"


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a pod."""

    reference: str
    pull: Literal["IfNotPresent", "Never"]
    #: SHA-256 of the archive that it came from; Pulumi's mark for the unknown before it was made.
    archive: str


def ai_lab(artifacts: Mapping[str, Artifact], registry: str | None = None) -> Image:
    """The image that everything of ours in a cluster runs from.

    Args:
        artifacts: of the toolchain.
        registry: from where nodes pull it; None means that the lab put it onto them.
    """
    return _image(AI_LAB, artifacts, registry)


def probe(artifacts: Mapping[str, Artifact], registry: str | None = None) -> Image:
    """The image of pods that look at a network from inside; arguments as for `ai_lab`."""
    return _image("probe", artifacts, registry)


def _image(name: str, artifacts: Mapping[str, Artifact], registry: str | None) -> Image:
    return Image(
        reference=toolchain.image_name(registry, name),
        pull="Never" if registry is None else "IfNotPresent",
        archive=artifacts[f"image-{name}"].sha256 or UNKNOWN_TEXT,
    )
