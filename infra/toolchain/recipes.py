"""What `toolchain/tools.toml` may say, and the digest that names what comes out of a recipe."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra import paths
from infra.errors import ConfigError

#: Raise it when the way of building changes so that the same recipe gives another binary.
_BUILD_FORMAT = 1
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
_Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Edit(_Strict):
    """One replacement in a copied source file; `find` must be in it exactly once."""

    file: str
    reason: str
    find: Annotated[str, Field(min_length=1)]
    replace: str


class Source(_Strict):
    """A module whose sources are copied and edited before the build."""

    module: str
    version: str
    #: Folder in the recipe that its go.mod replaces the module to.
    folder: _Name
    #: Top-level folders that the build does not need.
    leave_out: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


class Data(_Strict):
    """Files of a module that the tool reads when it runs, packed beside its binaries."""

    module: str
    version: str
    #: Folder of the module; what is in it lies at the top of the archive.
    folder: str
    #: What of it is needed: paths of files or folders below it.
    keep: Annotated[tuple[str, ...], Field(min_length=1)]


class Tool(_Strict):
    """One recipe: Go packages of one module set, built with the same flags."""

    name: _Name
    version: _Version
    #: Folder of the recipe below toolchain/; by default the tool's own name.
    folder: _Name
    #: Name of each binary and the Go package that it is built from.
    packages: Annotated[dict[_Name, str], Field(min_length=1)]
    tags: tuple[str, ...] = ()
    #: Flags of the Go linker besides -s and -w; `{version}` stands for the version.
    ldflags: tuple[str, ...] = ()
    cgo: bool = False
    #: Debian packages that the build needs besides Go.
    debian: tuple[str, ...] = ()
    #: Command that prints the version, where an installed program may be used instead.
    path: tuple[str, ...] = ()
    source: Source | None = None
    data: Data | None = None
    #: Only tests need it: it is built when it is named, and never for a lab.
    for_tests: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that its build gives."""
        return (*self.packages, *([self.archive] if self.data else []))

    @property
    def archive(self) -> str:
        """Name of the archive of its data."""
        return f"{self.name}-data.tgz"

    @property
    def recipe(self) -> Path:
        """The folder with go.mod and go.sum."""
        return root() / self.folder

    def arguments(self) -> list[str]:
        """Arguments of `go build` that all packages of the tool share."""
        flags = " ".join(("-s", "-w", *self.ldflags)).replace("{version}", self.version)
        arguments = ["-trimpath", "-buildvcs=false", "-ldflags", flags]
        if self.tags:
            arguments += ["-tags", ",".join(self.tags)]
        if self.source:
            arguments += ["-mod=mod"]
        return arguments

    def digest(self, go: str) -> str:
        """Hex digest of everything that the binaries depend on.

        Args:
            go: version of the compiler, such as 1.26.8.
        """
        inputs = {
            "format": _BUILD_FORMAT,
            "go": go,
            "machine": platform.machine(),
            "tool": self.model_dump(mode="json", exclude={"data", "debian", "for_tests", "path"}),
            "recipe": {str(name): digest for name, digest in folder_digests(self.recipe)},
            # Only where there is some: all other digests stay what they were.
            **({"data": self.data.model_dump(mode="json")} if self.data else {}),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


class Catalogue(_Strict):
    """The whole of tools.toml."""

    #: Version of Go that the recipes were tried with.
    go: _Version
    tools: dict[_Name, Tool]

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        if not isinstance(data, dict) or not isinstance(data.get("tools"), dict):
            return data
        tools = {
            name: {"folder": name, **table, "name": name} if isinstance(table, dict) else table
            for name, table in data["tools"].items()
        }
        return {**data, "tools": tools}

    @model_validator(mode="after")
    def _distinct(self) -> Catalogue:
        seen: dict[str, str] = {}
        for tool in self.tools.values():
            for binary in tool.packages:
                if binary in seen:
                    raise ValueError(f"{binary} is built by both {seen[binary]} and {tool.name}")
                seen[binary] = tool.name
        return self


def root() -> Path:
    """The folder of all recipes."""
    return paths.REPOSITORY / "toolchain"


def parse(text: str) -> Catalogue:
    """Reads the text of tools.toml.

    Raises:
        ConfigError: it is not TOML or says something that it may not.
    """
    try:
        return Catalogue.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(
            f"toolchain/tools.toml: {error}",
            next_step="correct it; infra/toolchain/recipes.py says what each key means.",
        ) from error


@cache
def load() -> Catalogue:
    """The catalogue of this checkout.

    Raises:
        ConfigError: see `parse`.
    """
    return parse((root() / "tools.toml").read_text())


def folder_digests(folder: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Relative path and SHA-256 of each file that goes into a build, in order.

    Tests are left out: changing one must not rebuild a binary.
    """
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if not name.endswith("_test.go"):
                file = Path(parent) / name
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                yield PurePosixPath(file.relative_to(folder)), digest
