#!/usr/bin/python
"""Ansible module: initialises, unseals and sets up the Vault server of the machine."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.vault_setup import Bootstrap, Settings
from ansible.module_utils.vault_unseal import SetupError, Vault, VaultError

DOCUMENTATION = r"""
module: vault_bootstrap
short_description: Initialises, unseals and sets up a Vault server
description:
  - Runs on the machine of the Vault server. Can be killed at any point and run again.
  - Keys and credentials go to files of mode 0600 below O(state), never into the result.
options:
  address: {type: str, required: true, description: URL of the server as this machine sees it.}
  ca_file: {type: path, required: true, description: CA that signed the server's certificate.}
  state:
    type: path
    required: true
    description: Folder for init.json (keys), approle.json (credentials) and the marker file.
  storage: {type: path, required: true, description: Folder of Vault's raft storage.}
  service: {type: str, required: true, description: Vault's systemd unit.}
  shares: {type: int, required: true, description: Number of unseal or recovery keys.}
  threshold: {type: int, required: true, description: Number of them that are needed.}
  auto_unseal: {type: bool, required: true, description: Whether a key service unseals Vault.}
  peers:
    type: list
    elements: str
    default: []
    description: URLs of the other members; while one of them has a Vault, no new one is made.
  follow: {type: bool, default: false, description: Only wait until this member has joined.}
  audit_file: {type: path, required: true, description: File of the audit device.}
  policy: {type: str, required: true, description: Policy C(lab), in HCL.}
  role: {type: dict, required: true, description: Settings of the AppRole C(lab).}
"""

RETURN = r"""
actions:
  description: What was done, in words.
  returned: always
  type: list
"""


def main() -> None:
    """Reads the parameters, runs the bootstrap and reports without secrets."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "ca_file": {"type": "path", "required": True},
            "state": {"type": "path", "required": True},
            "storage": {"type": "path", "required": True},
            "service": {"type": "str", "required": True},
            "shares": {"type": "int", "required": True},
            "threshold": {"type": "int", "required": True},
            "auto_unseal": {"type": "bool", "required": True},
            "peers": {"type": "list", "elements": "str", "default": []},
            "follow": {"type": "bool", "default": False},
            "audit_file": {"type": "path", "required": True},
            "policy": {"type": "str", "required": True},
            "role": {"type": "dict", "required": True},
        },
    )
    values = dict(module.params)
    ca_file = values.pop("ca_file")
    vault = Vault(values.pop("address"), ca_file)
    peers = [Vault(address, ca_file, timeout=3) for address in values.pop("peers")]
    follow = values.pop("follow")
    values["state"] = Path(values["state"])
    values["storage"] = Path(values["storage"])
    bootstrap = Bootstrap(vault, Settings(**values), peers=peers)
    try:
        bootstrap.follow() if follow else bootstrap.run()
    except (SetupError, VaultError, OSError) as error:
        module.fail_json(msg=str(error), actions=bootstrap.actions)
    module.exit_json(changed=bool(bootstrap.actions), actions=bootstrap.actions)


if __name__ == "__main__":
    main()
