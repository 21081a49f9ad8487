"""Tools, images and charts of the lab: found, fetched from a mirror, or built from source.

Nothing here knows machines or clusters. What the rest of the lab asks for:

- `ensure` makes what is missing, `missing` names it;
- `binary` and `version` are about programs that run on this host;
- `artifacts` lists files for the lab's machines, `push` sends images to a registry, `image_name`
  is what pods call them;
- `prune` is about what the cache holds and nobody needs.
"""

from infra.toolchain import prune
from infra.toolchain.images import name_in as image_name
from infra.toolchain.inspect import Checked, Status, export, missing, rebuild_check, status, verify
from infra.toolchain.progress import Progress
from infra.toolchain.publish import push
from infra.toolchain.resolve import (
    Artifact,
    artifacts,
    binary,
    ensure,
    machine_archive,
    version,
)

__all__ = [
    "Artifact",
    "Checked",
    "Progress",
    "Status",
    "artifacts",
    "binary",
    "ensure",
    "export",
    "image_name",
    "machine_archive",
    "missing",
    "prune",
    "push",
    "rebuild_check",
    "status",
    "verify",
    "version",
]
