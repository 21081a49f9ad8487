"""Which of Pulumi's own plugins are there, and which stand-ins are needed.

Pulumi looks for a plugin on PATH, beside its own program, and in the folder `plugins` of
PULUMI_HOME (pulumi/pulumi: sdk/go/common/workspace/plugins.go). Each stand-in lies in a folder
of its own, because the official language host may be there while the official provider is not.

Two kinds: some do the official plugin's work, and are needed always; the others only record what
a cloud would be asked to make, and are needed to preview a lab that lies on that cloud.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BIN = Path(__file__).resolve().parent / "bin"


@dataclass(frozen=True, slots=True)
class StandIn:
    """One plugin of Pulumi that we can stand in for."""

    program: str
    #: Prefix of the official plugin's folder below PULUMI_HOME/plugins.
    installed: str
    what: str
    folder: Path


STAND_INS = (
    StandIn("pulumi-language-python", "language-python-", "language host", _BIN / "language"),
    StandIn(
        "pulumi-resource-kubernetes",
        "resource-kubernetes-",
        "Kubernetes provider",
        _BIN / "kubernetes",
    ),
)

#: For previews of what lies on a cloud; by the name of the official plugin.
RECORDERS = {
    "aws": StandIn("pulumi-resource-aws", "resource-aws-v", "AWS provider", _BIN / "aws"),
    "azure-native": StandIn(
        "pulumi-resource-azure-native",
        "resource-azure-native-v",
        "Azure provider",
        _BIN / "azure-native",
    ),
}


def _installed_plugins(pulumi_home: Path | None) -> list[str]:
    home = pulumi_home or Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folder = home / "plugins"
    return [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []


def missing(
    search_path: str, pulumi_home: Path | None = None, *, clouds: Iterable[str] = ()
) -> list[StandIn]:
    """The plugins that Pulumi would not find: see the top of this module for where it looks.

    Args:
        search_path: the PATH that Pulumi will have.
        pulumi_home: the PULUMI_HOME that it will have; None means this process's own.
        clouds: providers of clouds that the program uses (keys of RECORDERS).
    """
    wanted = [*STAND_INS, *(RECORDERS[name] for name in clouds)]
    ours = {str(stand_in.folder) for stand_in in (*STAND_INS, *RECORDERS.values())}
    parts = [part for part in search_path.split(os.pathsep) if part not in ours]
    pulumi = shutil.which("pulumi", path=search_path)
    if pulumi is not None:
        parts.append(str(Path(pulumi).resolve().parent))
    others = os.pathsep.join(parts)
    installed = _installed_plugins(pulumi_home)
    return [
        stand_in
        for stand_in in wanted
        if shutil.which(stand_in.program, path=others) is None
        and not any(name.startswith(stand_in.installed) for name in installed)
    ]


def path_entries(
    search_path: str, pulumi_home: Path | None = None, *, clouds: Iterable[str] = ()
) -> list[Path]:
    """Folders to put behind `search_path` so that `pulumi` finds every plugin the lab needs."""
    return [stand_in.folder for stand_in in missing(search_path, pulumi_home, clouds=clouds)]


def recorded(
    search_path: str, pulumi_home: Path | None = None, *, clouds: Iterable[str] = ()
) -> list[str]:
    """Those of `clouds` whose provider is missing, so that they can only be previewed."""
    absent = missing(search_path, pulumi_home, clouds=clouds)
    return [name for name, stand_in in RECORDERS.items() if stand_in in absent]


def notice(
    search_path: str, pulumi_home: Path | None = None, *, clouds: Iterable[str] = ()
) -> str | None:
    """Tells the user what stands in for what, and what follows; None if nothing does."""
    absent = missing(search_path, pulumi_home, clouds=clouds)
    if not absent:
        return None
    names = " and ".join(f"{stand_in.what} ({stand_in.program})" for stand_in in absent)
    told = (
        f"Pulumi's own {names} cannot be found; the lab's own stand in "
        "(docs/adr/0003-pulumi-offline.md)."
    )
    if any(stand_in in RECORDERS.values() for stand_in in absent):
        told += (
            " What a cloud would answer is made up, and nothing can be deployed with it "
            "(docs/adr/0010-offline-preview.md)."
        )
    return told
