"""Ansible module: the databases of a running PostgreSQL server, and who works in them."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.postgresql_server import CommandError, Server, ServerError, parse

DOCUMENTATION = r"""
module: postgresql_setup
short_description: Set up databases and roles
description:
  - Each database belongs to a role that nobody can log in as, which applies the schema.
  - Roles that log in and are not declared are shut out; nothing is deleted.
options:
  binaries: {description: Folder of PostgreSQL's programs., type: path, required: true}
  socket: {description: Folder of the server's socket., type: path, required: true}
  port: {description: The server's port., type: int, required: true}
  databases:
    description: Databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name., type: str, required: true}
      groups: {description: Roles without a login., type: list, elements: str, default: []}
      schema: {description: SQL that the owner applies., type: str, default: ""}
      users:
        description: Roles that log in.
        type: list
        elements: dict
        required: true
        suboptions:
          name: {description: Name., type: str, required: true}
          groups: {description: Its groups., type: list, elements: str, required: true}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Set up a database
  postgresql_setup:
    binaries: /usr/lib/postgresql/17/bin
    socket: /run/example
    port: 5432
    databases: [{name: example, users: [{name: writer, groups: [example_owner]}]}]
"""

RETURN = r"""
did:
  description: What was changed, one line each.
  returned: always
  type: list
  elements: str
"""


def main() -> None:
    """Reads the parameters and sets up what differs."""
    user = {
        "name": {"type": "str", "required": True},
        "groups": {"type": "list", "elements": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "binaries": {"type": "path", "required": True},
            "socket": {"type": "path", "required": True},
            "port": {"type": "int", "required": True},
            "databases": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "groups": {"type": "list", "elements": "str", "default": []},
                    "schema": {"type": "str", "default": ""},
                    "users": {
                        "type": "list",
                        "elements": "dict",
                        "required": True,
                        "options": user,
                    },
                },
            },
        },
    )
    params = module.params
    server = Server(Path(params["binaries"]), Path(params["socket"]), params["port"])
    try:
        did = server.set_up(parse(params["databases"]))
    except (CommandError, ServerError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(did), did=did)


if __name__ == "__main__":
    main()
