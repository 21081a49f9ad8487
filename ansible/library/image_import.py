"""Ansible module: side-loads container images into containerd, without a registry."""

from __future__ import annotations

import fcntl
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import CommandError, run, sha256

DOCUMENTATION = r"""
module: image_import
short_description: Import docker archives into containerd's namespace for Kubernetes
description:
  - Every imported image carries the digest of the archive it came from, so that only archives
    that changed, and images that went missing, are imported again.
  - Imported images are pinned; the kubelet's garbage collection must not take what no registry
    can give back.
options:
  archives:
    description: Archives on this machine.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: The archive., type: path, required: true}
      sha256: {description: Its digest., type: str, required: true}
  background:
    description:
      - Let the machine import by itself and do not wait. A later call without this option waits
        for it, and makes good what did not come about.
    type: bool
    default: false
  socket:
    description: containerd's socket.
    type: path
    default: /run/containerd/containerd.sock
author: [AI lab]
"""

EXAMPLES = r"""
- name: Images of a node
  image_import:
    archives:
      - {path: /var/cache/ai-lab/image-node.tar, sha256: abc}
"""

RETURN = r"""
imported:
  description: Names of the images that were imported, or will be.
  returned: always
  type: list
  elements: str
"""

_LABEL = "ai-lab.eu/archive"
_PINNED = "io.cri-containerd.pinned=pinned"
_LOCKS = Path("/run/lock")


class Importer:
    """Talks to one containerd through ctr."""

    def __init__(self, socket: str, *, background: bool) -> None:
        self._ctr = ["ctr", "--address", socket, "--namespace", "k8s.io", "images"]
        self._background = background

    def present(self, digest: str) -> set[str]:
        """Names of images that came from the archive with this digest."""
        output = run([*self._ctr, "ls", "--quiet", f'labels."{_LABEL}"=={digest}'])
        return set(output.split())

    def load(self, archive: dict[str, Any]) -> list[str]:
        """Imports an archive unless all its images are there; returns what it imported.

        Raises:
            CommandError: the archive is not what it should be, or ctr failed.
        """
        path, digest = Path(archive["path"]), archive["sha256"]
        names = tags(path)
        if set(names) <= self.present(digest):
            return []
        command = [*self._ctr, "import", "--local"]
        command += [f"--label={_LABEL}={digest}", f"--label={_PINNED}", str(path)]
        if self._background:
            unit = ["systemd-run", "--quiet", "--collect", f"--unit=image-import-{digest[:12]}"]
            run([*unit, "flock", str(lock_file(digest)), *command])
            return names
        with locked(digest):
            if set(names) <= self.present(digest):
                return names
            if sha256(path) != digest:
                raise CommandError(f"{path} does not have the digest {digest}")
            run(command, timeout=600)
        return names


def lock_file(digest: str) -> Path:
    return _LOCKS / f"image-import-{digest[:12]}"


@contextmanager
def locked(digest: str) -> Iterator[None]:
    """One import of an archive at a time; waits for one in the background."""
    with lock_file(digest).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tags(path: Path) -> list[str]:
    """Image names in a docker archive.

    Raises:
        CommandError: the file is missing or is no docker archive.
    """
    try:
        with tarfile.open(path) as archive:
            manifest = archive.extractfile("manifest.json")
            if manifest is None:
                raise CommandError(f"{path} has no manifest.json")
            return sorted(tag for image in json.load(manifest) for tag in image["RepoTags"])
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise CommandError(f"{path} is no docker archive: {error}") from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "archives": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "sha256": {"type": "str", "required": True},
                },
            },
            "background": {"type": "bool", "default": False},
            "socket": {"type": "path", "default": "/run/containerd/containerd.sock"},
        },
    )
    importer = Importer(module.params["socket"], background=module.params["background"])
    try:
        with ThreadPoolExecutor() as pool:
            loaded = pool.map(importer.load, module.params["archives"])
            imported = [name for names in loaded for name in names]
    except CommandError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(imported), imported=imported)


if __name__ == "__main__":
    main()
