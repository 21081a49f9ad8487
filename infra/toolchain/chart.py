"""Packages Cilium's own Helm chart, which its Go module carries."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial

from infra.toolchain import gobuild, tarball
from infra.toolchain.products import Product, Workshop
from infra.toolchain.recipes import Tool

NAME = "cilium-chart"
_MODULE = "github.com/cilium/cilium"
_FOLDER = "install/kubernetes/cilium"
#: Sources of documentation, which .helmignore names too.
_LEFT_OUT = frozenset({"README.md.gotmpl", "values.yaml.tmpl", ".helmignore"})


def file_name(cilium: Tool) -> str:
    """Name of the chart's archive, as Helm would give it."""
    return f"cilium-{cilium.version}.tgz"


def product(cilium: Tool) -> Product:
    """The chart of that version of Cilium."""
    inputs = [tarball.source_digest(__file__), cilium.version, sorted(_LEFT_OUT)]
    return Product(
        group="charts",
        name=NAME,
        version=cilium.version,
        digest=hashlib.sha256(json.dumps(inputs).encode()).hexdigest(),
        files=(file_name(cilium),),
        make=partial(_make, cilium),
    )


def _make(cilium: Tool, shop: Workshop) -> None:
    module = gobuild.module_folder(_MODULE, f"v{cilium.version}", cilium.recipe, shop)
    entries = [
        # The module cache's own modes say nothing.
        replace(entry, mode=0o644)
        for entry in tarball.folder_entries(module / _FOLDER, "cilium")
        if entry.path.rsplit("/", 1)[-1] not in _LEFT_OUT and entry.kind == "file"
    ]
    tarball.write_gzip(shop.out / file_name(cilium), entries)
