"""Ansible module: looks for everything that would make the lab fail later, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils import ailab_preflight as checks
from ansible.module_utils.ailab_kernel import features

DOCUMENTATION = r"""
module: preflight_checks
short_description: Look for faults of a machine before anything is changed on it
description:
  - Returns all faults at once and never fails by itself, so that the play can show the faults of
    all machines together.
options:
  systems: {description: "Allowed \"ID VERSION_ID\" of os-release.", type: list, elements: str,
            required: true}
  kernel_version: {description: Oldest kernel., type: str, required: true}
  kernel_features: {description: Features that the kernel must have., type: list, elements: str,
                    default: []}
  memory_mib: {description: Least memory., type: int, required: true}
  disk_mib: {description: Least free space., type: int, required: true}
  disk_folder: {description: Where the space is needed., type: str, default: /var/lib}
  commands: {description: Commands that must be there., type: list, elements: str, default: []}
  ports: {description: TCP ports that must be free., type: list, elements: int, default: []}
  programs: {description: Programs of the lab that may hold them., type: list, elements: str,
             default: []}
  address: {description: Address that the machine must carry., type: str, required: true}
  name: {description: Host name that it must have., type: str, required: true}
  administration: {description: Address ranges that SSH will be open to., type: list, elements: str,
                   default: [0.0.0.0/0]}
  peers: {description: Addresses that it must reach., type: list, elements: str, default: []}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Look at the machine
  preflight_checks:
    systems: [debian 13]
    kernel_version: "5.10"
    memory_mib: 1024
    disk_mib: 4096
    address: 192.0.2.10
    name: worker
"""

RETURN = r"""
faults:
  description: What is wrong (check, message, next_step).
  returned: always
  type: list
  elements: dict
features:
  description: Kernel features.
  returned: always
  type: dict
identity:
  description: Names and numbers that must differ between machines, and the time.
  returned: always
  type: dict
"""


def look(params: dict[str, Any], *, own_kernel: bool) -> Iterator[checks.Fault]:
    """All faults of this machine."""
    yield from checks.operating_system(params["systems"])
    yield from checks.kernel(params["kernel_features"], params["kernel_version"])
    yield from checks.memory(params["memory_mib"])
    yield from checks.disk(params["disk_folder"], params["disk_mib"])
    yield from checks.commands(params["commands"])
    yield from checks.ports(params["ports"], params["programs"])
    yield from checks.address(params["address"])
    yield from checks.administration(params["administration"])
    yield from checks.host_name(params["name"])
    yield from checks.swap(own_kernel)
    yield from checks.clock(own_kernel)
    yield from checks.name_servers()
    yield from checks.peers(params["peers"])


def main() -> None:
    strings = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            "systems": {**strings, "required": True},
            "kernel_version": {"type": "str", "required": True},
            "kernel_features": {**strings, "default": []},
            "memory_mib": {"type": "int", "required": True},
            "disk_mib": {"type": "int", "required": True},
            "disk_folder": {"type": "str", "default": "/var/lib"},
            "commands": {**strings, "default": []},
            "ports": {"type": "list", "elements": "int", "default": []},
            "programs": {**strings, "default": []},
            "address": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "administration": {**strings, "default": ["0.0.0.0/0"]},
            "peers": {**strings, "default": []},
        },
        supports_check_mode=True,
    )
    found = features()
    faults = [fault._asdict() for fault in look(module.params, own_kernel=found["owns_kernel"])]
    module.exit_json(changed=False, faults=faults, features=found, identity=checks.identity())


if __name__ == "__main__":
    main()
