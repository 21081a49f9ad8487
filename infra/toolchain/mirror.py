"""A mirror: a folder of finished products for sites that can build or download nothing.

It has the same layout as the cache, and an index with the checksum of every manifest, which in
turn has the checksum of every file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.errors import ToolCorrupt, ToolMissing
from infra.toolchain import store
from infra.toolchain.products import Product, Workshop
from infra.toolchain.store import MANIFEST, Manifest

_INDEX = "index.json"


class Index(BaseModel):
    """What a mirror holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Version of Go that is in the products' digests.
    go: str
    #: SHA-256 of the manifest of each product, by its folder.
    manifests: dict[str, str]


def location() -> Path | None:
    """The mirror that LAB_MIRROR names."""
    named = os.environ.get("LAB_MIRROR")
    return Path(named).resolve() if named else None


def index() -> Index | None:
    """The mirror's index; None where no mirror is named.

    Raises:
        ToolMissing: LAB_MIRROR names no mirror.
        ToolCorrupt: its index cannot be read.
    """
    folder = location()
    if folder is None:
        return None
    try:
        return Index.model_validate_json((folder / _INDEX).read_bytes())
    except FileNotFoundError as error:
        raise ToolMissing(
            f"LAB_MIRROR names {folder}, which is no mirror (it has no {_INDEX}).",
            next_step="make one with `./lab toolchain export DIR`, or unset LAB_MIRROR.",
        ) from error
    except (OSError, ValidationError) as error:
        raise ToolCorrupt(
            f"the index of the mirror {folder} cannot be read: {error}.",
            next_step="copy the mirror anew from where it was exported.",
        ) from error


def go_version() -> str | None:
    """Version of Go in the digests of the mirror's products; None where there is no mirror."""
    found = index()
    return found.go if found else None


def offers(product: Product) -> bool:
    """Whether the mirror has exactly this product."""
    found = index()
    return found is not None and product.relative in found.manifests


def fetch(product: Product, shop: Workshop) -> float:
    """Copies a product that the mirror offers into `shop.out`; returns its build seconds.

    Raises:
        ToolCorrupt: it is not what the index says.
    """
    folder, found = location(), index()
    if folder is None or found is None or product.relative not in found.manifests:
        raise _damaged(product, "its index no longer lists it")
    origin = folder / product.relative
    shop.say(f"copying {origin}")
    absent = [name for name in (MANIFEST, *product.files) if not (origin / name).is_file()]
    if absent:
        raise _damaged(product, f"{', '.join(absent)} is missing")
    if store.sha256(origin / MANIFEST) != found.manifests[product.relative]:
        raise _damaged(product, "its manifest differs from the index")
    manifest = Manifest.model_validate_json((origin / MANIFEST).read_bytes())
    for name, stored in manifest.files.items():
        shutil.copy(origin / name, shop.out / name)
        if store.sha256(shop.out / name) != stored.sha256:
            raise _damaged(product, f"{name} differs from its manifest")
    return manifest.seconds


def _damaged(product: Product, what: str) -> ToolCorrupt:
    return ToolCorrupt(
        f"the mirror's copy of {product.name} is damaged: {what}.",
        next_step="copy the mirror anew from where it was exported, or unset LAB_MIRROR.",
    )


def export(products: Iterable[Product], go: str, target: Path) -> list[Product]:
    """Copies finished products into a folder that LAB_MIRROR can name; returns them.

    What the folder has already is not copied again. The index is written last, so a mirror whose
    making was interrupted is not taken for one.

    Raises:
        ToolMissing: a product is not there yet.
        ToolCorrupt: a product does not match its manifest.
    """
    manifests = {}
    done = []
    for product in products:
        manifest = store.read(product)
        if manifest is None:
            raise ToolMissing(
                f"{product.name} {product.version} is not there yet.",
                next_step="run `./lab toolchain build` first.",
            )
        store.check(product.folder, manifest)
        copy = target / product.relative
        copy.mkdir(parents=True, exist_ok=True)
        for name in (*manifest.files, MANIFEST):
            _copy(product.folder / name, copy / name)
        manifests[product.relative] = store.sha256(copy / MANIFEST)
        done.append(product)
    text = Index(go=go, manifests=manifests).model_dump_json(indent=2)
    temporary = target / f"{_INDEX}.new"
    temporary.write_text(text + "\n")
    temporary.rename(target / _INDEX)
    return done


def _copy(origin: Path, target: Path) -> None:
    if target.exists() and store.sha256(target) == store.sha256(origin):
        return
    temporary = target.with_name(f".new.{target.name}")
    shutil.copy(origin, temporary)
    temporary.rename(target)
