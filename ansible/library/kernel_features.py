"""Ansible module: says which kernel features a machine has."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_kernel import features

DOCUMENTATION = r"""
module: kernel_features
short_description: Look which kernel features a machine has
description:
  - Changes nothing. Roles that a machine's kernel cannot carry are recorded as not applied.
options: {}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Look at the kernel
  kernel_features:
  register: base_kernel
"""

RETURN = r"""
features:
  description: audit, bpf, cgroup_v2, dm_crypt, owns_kernel, wireguard.
  returned: always
  type: dict
"""


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, features=features())


if __name__ == "__main__":
    main()
