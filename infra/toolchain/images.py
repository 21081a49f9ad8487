"""The lab's container images: which there are, their names, and which archive has which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from infra.errors import ToolUnknown
from infra.toolchain import archive, debian, image_contents, python_image, recipes, tarball
from infra.toolchain.products import Product, Workshop

#: kubeadm's own names, so that only the tags of etcd and CoreDNS have to be told to it.
_KUBERNETES = "registry.k8s.io"
#: What runs in clusters and is the lab's own, in one image.
AI_LAB = "ai-lab"
#: Digits of the digest that are its tag.
_TAG = 12
#: The lab's own images; no registry has this name, so nothing is ever pulled from it by mistake.
_LAB = "lab.local"


@dataclass(frozen=True, slots=True)
class ArchiveSpec:
    """One archive of one or more images."""

    name: str
    #: Tools whose binaries are in it.
    tools: tuple[str, ...]
    #: Images in it; see `reference`.
    images: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.name}.tar"


def archives() -> tuple[ArchiveSpec, ...]:
    """Every archive that the toolchain makes."""
    control_plane = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    node = ("pause", "coredns")
    return (
        ArchiveSpec(
            "image-control-plane",
            ("kubernetes", "etcd", "coredns", "pause"),
            (*control_plane, *node),
        ),
        ArchiveSpec("image-node", ("coredns", "pause"), node),
        ArchiveSpec(
            "image-cilium",
            ("cilium", "cilium-operator", "cni-plugins"),
            ("cilium", "cilium-operator"),
        ),
        ArchiveSpec("image-probe", (), ("probe",)),
        ArchiveSpec("image-ai-lab", (), (AI_LAB,)),
    )


def tag(image: str) -> str:
    """Tag of an image, such as v1.36.3; what kubeadm must be told of etcd and CoreDNS.

    Raises:
        ToolUnknown: there is no such image.
    """
    return reference(image).rsplit(":", 1)[1]


def reference(image: str) -> str:
    """Full name of an image, such as registry.k8s.io/pause:3.10.2.

    Raises:
        ToolUnknown: there is no such image.
    """
    tools = recipes.load().tools
    kubernetes = f"v{tools['kubernetes'].version}"
    cilium = f"v{tools['cilium'].version}"
    names = {
        "kube-apiserver": f"{_KUBERNETES}/kube-apiserver:{kubernetes}",
        "kube-controller-manager": f"{_KUBERNETES}/kube-controller-manager:{kubernetes}",
        "kube-scheduler": f"{_KUBERNETES}/kube-scheduler:{kubernetes}",
        "etcd": f"{_KUBERNETES}/etcd:{tools['etcd'].version}",
        "coredns": f"{_KUBERNETES}/coredns/coredns:v{tools['coredns'].version}",
        "pause": f"{_KUBERNETES}/pause:{tools['pause'].version}",
        "cilium": f"{_LAB}/cilium:{cilium}",
        "cilium-operator": f"{_LAB}/operator-generic:{cilium}",
        "probe": f"{_LAB}/probe:1",
    }
    if image == AI_LAB:  # named by what is in it: a change is another image to a cluster
        return f"{_LAB}/{AI_LAB}:{python_image.digest()[:_TAG]}"
    if image not in names:
        raise ToolUnknown(
            f"there is no image {image!r}.",
            next_step=f"choose one of: {', '.join([*names, AI_LAB])}.",
        )
    return names[image]


def name_in(registry: str | None, image: str) -> str:
    """Name of an image for who runs it.

    Args:
        registry: to which `publish.push` has sent it; None means that it is on the nodes.
        image: see `reference`.

    Raises:
        ToolUnknown: there is no such image.
    """
    found = reference(image)
    return found if registry is None else f"{registry}/{found.partition('/')[2]}"


def product(spec: ArchiveSpec, tools: Mapping[str, Product]) -> Product:
    """The archive as something that the toolchain makes.

    Args:
        spec: which archive.
        tools: every tool, by name.
    """
    needed = {name: tools[name] for name in spec.tools}
    inputs = {
        "packing": tarball.source_digest(
            archive.__file__, debian.__file__, image_contents.__file__
        ),
        "files": [
            list(map(str, item)) for item in recipes.folder_digests(recipes.root() / "images")
        ],
        "images": [reference(image) for image in spec.images],
        "tools": {name: tool.relative for name, tool in needed.items()},
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return Product(
        group="images",
        name=spec.name,
        version=recipes.load().tools[spec.tools[0]].version if spec.tools else "1.0.0",
        digest=digest,
        files=(spec.file,),
        make=partial(_make, spec, needed),
        needs=spec.tools,
    )


def _make(spec: ArchiveSpec, tools: Mapping[str, Product], shop: Workshop) -> None:
    binaries = {name: tool.folder / name for tool in tools.values() for name in tool.files}
    kitchen = image_contents.Contents(shop, binaries)
    images = [kitchen.image(image, reference(image)) for image in spec.images]
    archive.write_archive(shop.out / spec.file, images)
    for image in images:
        shop.say(f"{image.reference}: {sum(x.size for x in image.layers) / 2**20:.0f} MiB")
