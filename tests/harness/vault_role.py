"""The Python of the Ansible role vault_server, importable: Ansible ships it to the machine as
`ansible.module_utils.*`, so it is put there for tests as well."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import ansible.module_utils
from infra.paths import REPOSITORY

ROLE = REPOSITORY / "ansible" / "roles" / "vault_server"
POLICY = (ROLE / "files" / "lab.hcl").read_text()

_FOLDER = str(ROLE / "module_utils")
if _FOLDER not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_FOLDER)

if TYPE_CHECKING:
    from ansible.roles.vault_server.module_utils import vault_setup as setup
    from ansible.roles.vault_server.module_utils import vault_unseal as unseal
else:
    unseal = importlib.import_module("ansible.module_utils.vault_unseal")
    setup = importlib.import_module("ansible.module_utils.vault_setup")

__all__ = ["POLICY", "ROLE", "setup", "unseal"]
