"""Ansible module: puts programs of the lab's toolchain in place, checked by their digests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import sha256

DOCUMENTATION = r"""
module: artifact_install
short_description: Install files whose SHA-256 digest is known
description:
  - Compares what is there with the wanted digest, and copies only what differs.
  - The copy is checked before it takes the place of the old file.
options:
  artifacts:
    description: What to install.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name, for messages., type: str, required: true}
      source: {description: File on this machine., type: path, required: true}
      sha256: {description: Wanted digest., type: str, required: true}
      path: {description: Where it goes., type: path, required: true}
      mode: {description: Octal mode., type: str, default: "0755"}
      links: {description: "Names, beside it, that point to it.", type: list, elements: str,
              default: []}
author: [AI lab]
"""

EXAMPLES = r"""
- name: One program
  artifact_install:
    artifacts:
      - {name: runc, source: /var/cache/ai-lab/runc, sha256: abc, path: /usr/local/bin/runc}
"""

RETURN = r"""
missing:
  description: Names whose source is not on this machine (check mode only).
  returned: in check mode
  type: list
  elements: str
installed:
  description: Names that were put in place.
  returned: always
  type: list
  elements: str
"""


class ArtifactError(Exception):
    """An artifact cannot be installed; the text says why and what to do."""


def install(artifact: dict[str, Any]) -> bool:
    """Puts one artifact in place and returns whether anything changed.

    Raises:
        ArtifactError: the source is missing or is not what it should be.
    """
    path, mode = Path(artifact["path"]), int(artifact["mode"], 8)
    changed = False
    if sha256(path) != artifact["sha256"]:
        _copy(artifact, path, mode)
        changed = True
    elif path.stat().st_mode & 0o7777 != mode:
        path.chmod(mode)
        changed = True
    for name in artifact["links"]:
        link = path.with_name(name)
        if not (link.is_symlink() and link.readlink() == Path(path.name)):
            link.unlink(missing_ok=True)
            link.symlink_to(path.name)
            changed = True
    return changed


def _copy(artifact: dict[str, Any], path: Path, mode: int) -> None:
    source = Path(artifact["source"])
    if not source.is_file():
        raise ArtifactError(
            f"{artifact['name']}: {source} is not on this machine; check lab_artifacts_dir, or "
            "set lab_artifacts_on_machine to false so that it is copied from the controller."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        shutil.copyfile(source, new)
        found = sha256(new)
        if found != artifact["sha256"]:
            raise ArtifactError(
                f"{artifact['name']}: {source} has the digest {found}, not "
                f"{artifact['sha256']}; build it again with `./lab toolchain build`."
            )
        new.chmod(mode)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def wanted(artifact: dict[str, Any]) -> bool:
    """Whether the artifact is not in place and its source is not here either."""
    digests = {sha256(Path(artifact["path"])), sha256(Path(artifact["source"]))}
    return artifact["sha256"] not in digests


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "artifacts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "source": {"type": "path", "required": True},
                    "sha256": {"type": "str", "required": True},
                    "path": {"type": "path", "required": True},
                    "mode": {"type": "str", "default": "0755"},
                    "links": {"type": "list", "elements": "str", "default": []},
                },
            }
        },
        supports_check_mode=True,
    )
    artifacts = module.params["artifacts"]
    if module.check_mode:
        missing = [artifact["name"] for artifact in artifacts if wanted(artifact)]
        module.exit_json(changed=False, missing=missing, installed=[])
    try:
        installed = [artifact["name"] for artifact in artifacts if install(artifact)]
    except (ArtifactError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(installed), installed=installed)


if __name__ == "__main__":
    main()
