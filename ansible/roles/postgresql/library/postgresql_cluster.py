"""Ansible module: the data folder of a PostgreSQL server, made once."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.postgresql_server import (
    CommandError,
    ServerError,
    binaries,
    make,
    require_mounted,
)

DOCUMENTATION = r"""
module: postgresql_cluster
short_description: Make the data folder of a PostgreSQL server
description:
  - With checksums, and a socket that only the system's own users get through. What is there stays.
  - A folder that another major version made is never touched.
options:
  data: {description: The folder., type: path, required: true}
  user: {description: As whom the server runs., type: str, required: true}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Make the data folder once
  postgresql_cluster: {data: /var/lib/postgresql/example, user: postgres}
"""

RETURN = r"""
binaries:
  description: Folder of the programs that fit the data.
  returned: always
  type: path
did:
  description: What was changed, one line each.
  returned: always
  type: list
  elements: str
"""


def main() -> None:
    """Reads the parameters, looks, and makes what is missing."""
    module = AnsibleModule(
        argument_spec={
            "data": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
        },
    )
    data = Path(module.params["data"])
    try:
        require_mounted(data)
        programs = binaries(data)
        made = make(data, module.params["user"], programs)
    except (CommandError, ServerError, OSError, KeyError) as error:
        module.fail_json(msg=str(error))
    did = [f"made {data} with {programs}"] if made else []
    module.exit_json(changed=made, binaries=str(programs), did=did)


if __name__ == "__main__":
    main()
