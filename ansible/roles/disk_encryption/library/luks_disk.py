"""Ansible module: one disk, encrypted with LUKS2, bound to what opens it at boot, and open now."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import STATE, CommandError, attempt, run, write

DOCUMENTATION = r"""
module: luks_disk
short_description: Encrypt a disk, bind it to Tang servers or a TPM, and open it
description:
  - Without O(key) it only looks, and says in RV(needs) what is still to be done.
  - With O(key) it does that. The key reaches cryptsetup and Clevis by standard input; it is never
    an argument, in the environment, or in a file of the machine.
  - A disk that holds anything but LUKS is refused, never overwritten.
options:
  device: {description: Block device., type: path, required: true}
  name: {description: Name below /dev/mapper., type: str, required: true}
  key: {description: The recovery key., type: str}
  tang:
    description: Tang servers that open the disk at boot; others are unbound.
    type: list
    elements: dict
    default: []
    suboptions:
      url: {description: "Where it answers, as in http://192.0.2.9", type: str, required: true}
      thumbprint: {description: SHA-256 thumbprint of its signing key., type: str, required: true}
  threshold: {description: How many of them must answer., type: int, default: 1}
  tpm: {description: Bind it to the machine's TPM and its secure boot., type: bool, default: false}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Look
  luks_disk: {device: /dev/disk/by-id/virtio-data, name: ai-lab}
  register: disk_encryption_disk
"""

RETURN = r"""
needs:
  description: What is still to be done, of format, open, tang, tpm, file_system.
  returned: always
  type: list
  elements: str
formatted:
  description: Whether the disk was a LUKS volume before.
  returned: always
  type: bool
"""

#: Temporary files of Clevis (a copy of the LUKS header) go to memory.
MEMORY = Path("/run")
_FORMAT = (
    "--batch-mode",
    "--type=luks2",
    "--cipher=aes-xts-plain64",
    "--key-size=512",
    "--pbkdf=argon2id",
)


class LuksError(Exception):
    """The disk cannot be used as asked; the text says why and what to do."""


class Disk:
    """What is on a disk, and the steps that bring it to what is wanted."""

    def __init__(self, params: dict[str, Any], *, mapper: Path = Path("/dev/mapper")) -> None:
        self.device: str = params["device"]
        self.name: str = params["name"]
        self.tang: list[dict[str, str]] = params["tang"]
        self.threshold: int = params["threshold"]
        self.tpm: bool = params["tpm"]
        self.mapped = mapper / self.name
        self._check()
        content = content_of(self.device)
        if content not in ("", "crypto_LUKS"):
            raise LuksError(
                f"{self.device} holds {content}. Next: if its content may be lost, "
                f"`wipefs --all {self.device}` on this machine, then run this again."
            )
        self.formatted = content == "crypto_LUKS"

    def _check(self) -> None:
        if self.tang and not 1 <= self.threshold <= len(self.tang):
            raise LuksError(
                f"{self.threshold} of {len(self.tang)} Tang servers cannot answer. "
                "Next: choose a threshold between 1 and their number."
            )
        if not Path(self.device).exists():
            raise LuksError(f"there is no disk {self.device}. Next: name one of /dev/disk/by-id.")

    def needs(self) -> list[str]:
        """Steps that are still to be done, in their order."""
        bindings = self.bindings() if self.formatted else {}
        found = []
        if not self.formatted:
            found.append("format")
        if not self.mapped.exists():
            found.append("open")
        if self.tang and ("clevis" not in bindings or not self._bound_as_wanted()):
            found.append("tang")
        if self.tpm and "systemd-tpm2" not in bindings:
            found.append("tpm")
        if not self.mapped.exists() or content_of(str(self.mapped)) == "":
            found.append("file_system")
        return found

    def bindings(self) -> dict[str, list[str]]:
        """Key slots by the kind of token that opens them."""
        header = json.loads(run(["cryptsetup", "luksDump", "--dump-json-metadata", self.device]))
        found: dict[str, list[str]] = {}
        for token in header.get("tokens", {}).values():
            found.setdefault(token["type"], []).extend(token["keyslots"])
        return found

    @property
    def _policy(self) -> str:
        servers = [{"url": one["url"], "thp": one["thumbprint"]} for one in self.tang]
        return json.dumps({"t": self.threshold, "pins": {"tang": servers}}, sort_keys=True)

    @property
    def _marker(self) -> Path:
        return STATE / f"luks-{self.name}.binding"

    @property
    def _bound_to(self) -> bytes:
        uuid = run(["cryptsetup", "luksUUID", self.device]).strip()
        return hashlib.sha256(f"{uuid} {self._policy}".encode()).hexdigest().encode()

    def _bound_as_wanted(self) -> bool:
        return self._marker.is_file() and self._marker.read_bytes() == self._bound_to

    def do(self, step: str, key: str) -> None:
        """One step; each may be repeated after a kill at any moment."""
        if step == "format":
            run(["cryptsetup", "luksFormat", *_FORMAT, "--key-file=-", self.device], stdin=key)
        elif step == "open":
            run(["cryptsetup", "open", "--key-file=-", self.device, self.name], stdin=key)
        elif step == "tang":
            self._bind_to_tang(key)
        elif step == "tpm":
            self._bind_to_tpm(key)
        elif content_of(str(self.mapped)) == "":
            run(["mkfs.ext4", "-q", "-L", self.name[:16], str(self.mapped)])

    def _bind_to_tang(self, key: str) -> None:
        """Binds to the wanted servers first and removes older bindings then."""
        older = self.bindings().get("clevis", [])
        with tempfile.TemporaryDirectory(prefix="luks-", dir=MEMORY) as folder:
            run(
                ["clevis", "luks", "bind", "-y", "-k", "-", "-d", self.device, "sss", self._policy],
                stdin=key,
                environment={"TMPDIR": folder},
            )
        for slot in older:
            run(["clevis", "luks", "unbind", "-f", "-d", self.device, "-s", slot])
        write(self._marker, self._bound_to, 0o600)

    def _bind_to_tpm(self, key: str) -> None:
        # systemd takes the key from a file only: one without a name, in memory.
        handle = os.memfd_create("key")
        try:
            os.set_inheritable(handle, True)
            os.write(handle, key.encode())
            path = f"/proc/{os.getpid()}/fd/{handle}"
            enroll = ["systemd-cryptenroll", "--tpm2-device=auto", "--tpm2-pcrs=7"]
            run([*enroll, f"--unlock-key-file={path}", self.device])
        finally:
            os.close(handle)


def content_of(device: str) -> str:
    """Kind of file system, or of volume, on a device; empty if there is none.

    Raises:
        LuksError: the device cannot be read, or what is on it is ambiguous.
    """
    found = attempt(["blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device])
    if found.status not in (0, 2):
        raise LuksError(
            f"blkid cannot tell what is on {device} (status {found.status}: "
            f"{found.error.strip()}). Next: look at it by hand."
        )
    return found.output.strip()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "key": {"type": "str", "no_log": True},
            "tang": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "url": {"type": "str", "required": True},
                    "thumbprint": {"type": "str", "required": True},
                },
            },
            "threshold": {"type": "int", "default": 1},
            "tpm": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    key = module.params["key"]
    try:
        disk = Disk(module.params)
        needs, formatted = disk.needs(), disk.formatted
        if key and not module.check_mode:
            for step in needs:
                disk.do(step, key)
    except (LuksError, CommandError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(key and needs), needs=needs, formatted=formatted)


if __name__ == "__main__":
    main()
