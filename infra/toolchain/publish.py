"""Where a registry is configured, images go there instead of onto every node."""

from __future__ import annotations

from collections.abc import Iterable

from infra.errors import ToolMissing
from infra.toolchain import catalogue, store
from infra.toolchain.products import Stopwatch
from infra.toolchain.progress import Progress


def push(address: str, names: Iterable[str] | None = None, *, progress: Progress) -> list[str]:
    """Pushes images of the lab; returns the names that they have in the registry.

    Args:
        address: see `registry.push`.
        names: of archives, such as image-ai-lab; None for all.
        progress: told about each archive.

    Raises:
        ToolUnknown: a name is of nothing that the toolchain makes.
        ToolMissing: an archive has not been made yet.
        ImagePushFailed: the registry cannot be reached or refuses something.
    """
    # Its HTTP client is a tenth of what every program of a cloud imports, and few of them push.
    from infra.toolchain import registry

    pushed: list[str] = []
    for product in catalogue.select(names):
        if product.group != "images":
            continue
        if store.read(product) is None:
            raise ToolMissing(
                f"{product.name} is not there yet.", next_step="run `./lab toolchain build`."
            )
        progress.begin(product.name, f"pushing to {address}", product.log)
        watch = Stopwatch()
        failed = True
        try:
            found = registry.push(product.folder / product.files[0], address)
            failed = False
        finally:
            progress.end(product.name, watch.seconds, failed=failed)
        # Control plane and nodes share some images.
        pushed += [name for name in found if name not in pushed]
    return pushed
