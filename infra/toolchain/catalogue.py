"""Everything that the toolchain can make, by name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from infra.errors import ToolUnknown
from infra.toolchain import chart, gobuild, images, machine_base, mirror, recipes
from infra.toolchain.products import Product
from infra.toolchain.recipes import Tool

#: Binaries that machines of a lab run; each is an artifact under its own name.
MACHINE_BINARIES = (
    "kubernetes",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "cni-loopback",
    "etcdctl",
    "etcdutl",
    "vault",
    "vault-kms-plugin",
    "helm",
)


def go() -> str:
    """Version of Go in the products' digests.

    A mirror's own, so that its products fit wherever they are used; else that of the Go on PATH;
    else the one that tools.toml names.
    """
    return mirror.go_version() or gobuild.go_version() or recipes.load().go


def products() -> dict[str, Product]:
    """Tools first, then what is made from them."""
    version = go()
    found = {tool.name: _tool(tool, version) for tool in recipes.load().tools.values()}
    for image in images.archives():
        found[image.name] = images.product(image, found)
    found[chart.NAME] = chart.product(recipes.load().tools["cilium"])
    found[machine_base.NAME] = machine_base.product()
    return found


def _tool(tool: Tool, go_version: str) -> Product:
    return Product(
        group="tools",
        name=tool.name,
        version=tool.version,
        digest=tool.digest(go_version),
        files=tool.files,
        make=partial(gobuild.build, tool),
    )


def owner(binary: str) -> Tool:
    """The tool that a binary, or a tool itself, belongs to.

    Raises:
        ToolUnknown: there is no such binary and no such tool.
    """
    tools = recipes.load().tools
    for tool in tools.values():
        if binary in tool.packages:
            return tool
    if binary in tools:
        return tools[binary]
    known = sorted(binary for tool in tools.values() for binary in tool.packages)
    raise ToolUnknown(
        f"there is no tool {binary!r}.", next_step=f"choose one of: {', '.join(known)}."
    )


def artifact_files() -> dict[str, tuple[str, str]]:
    """Product and file of each artifact, by the artifact's name."""
    files = {name: (owner(name).name, name) for name in MACHINE_BINARIES}
    for image in images.archives():
        files[image.name] = (image.name, image.file)
    cilium = recipes.load().tools["cilium"]
    return files | {chart.NAME: (chart.NAME, chart.file_name(cilium))}


def named(names: Iterable[str] | None) -> frozenset[str]:
    """Names of the products that names of products or binaries mean; None means all that a lab
    needs.

    Raises:
        ToolUnknown: a name is neither.
    """
    known = products()
    if names is None:
        tools = recipes.load().tools
        return frozenset(known) - {name for name, tool in tools.items() if tool.for_tests}
    return frozenset(name if name in known else owner(name).name for name in names)


def select(names: Iterable[str] | None, *, with_needs: bool = False) -> list[Product]:
    """The products behind names, each after what it is made from.

    Args:
        names: see `named`.
        with_needs: also what they are made from.

    Raises:
        ToolUnknown: a name is neither a product nor a binary.
    """
    known = products()
    wanted = named(names)
    chosen = set(wanted)
    if with_needs:
        chosen.update(need for name in wanted for need in known[name].needs)
    # Tools come first in the catalogue, and only tools are needed by others.
    return [product for name, product in known.items() if name in chosen]
