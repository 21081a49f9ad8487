"""Tools, images and charts of the lab: found, fetched from a mirror, or built from source.

Nothing here knows machines or clusters. What the rest of the lab asks for:

- `ensure` makes what is missing, `missing` names it;
- `binary` and `version` are about programs that run on this host;
- `artifacts` lists files for the lab's machines.
"""

from infra.toolchain.progress import PlainProgress, Progress, RichProgress, SilentProgress
from infra.toolchain.resolve import (
    Artifact,
    artifacts,
    binary,
    ensure,
    export,
    missing,
    rebuild_check,
    status,
    verify,
    version,
)

__all__ = [
    "Artifact",
    "PlainProgress",
    "Progress",
    "RichProgress",
    "SilentProgress",
    "artifacts",
    "binary",
    "ensure",
    "export",
    "missing",
    "rebuild_check",
    "status",
    "verify",
    "version",
]
