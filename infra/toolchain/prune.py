"""Finds and removes products of the cache that no recipe of this checkout names any more."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from infra import paths
from infra.toolchain import catalogue, store
from infra.toolchain.store import MANIFEST, Manifest


def unused(keep: Collection[Path] = ()) -> list[Path]:
    """Folders of products that are not in the catalogue.

    What the cache holds besides products is not looked at. The catalogue depends on LAB_MIRROR
    and on the Go on PATH: with others it names other products.

    Args:
        keep: files that are in use; the products that they lie in are left out.
    """
    known = catalogue.products().values()
    needed = {product.folder for product in known} | {file.parent for file in keep}
    folders = [
        manifest.parent
        for group in {product.group for product in known}
        for manifest in (paths.cache() / group).glob(f"[!.]*/{MANIFEST}")
    ]
    return sorted(folder for folder in folders if folder not in needed)


def remove(folder: Path) -> None:
    """Removes one product; a kill meanwhile leaves what the next build of it clears away."""
    try:
        name = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).name
    except ValidationError:
        name = folder.name  # of another version of the lab; its own name will do
    with (
        store.locked(folder.parent.name, name),
        store.workplace(folder.parent, name) as temporary,
    ):
        folder.rename(temporary / "old")
