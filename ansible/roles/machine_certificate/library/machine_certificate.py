"""Ansible module: looks whether a service's certificate fits; asks for and installs a new one."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.certificate import CertificateError, Pair

DOCUMENTATION = r"""
module: machine_certificate
short_description: Key and certificate of a service
description:
  - Without O(certificate) it looks whether what is there fits. If not it makes a new key beside
    the old one and returns a certificate request.
  - With O(certificate) it puts the new key and this certificate in place.
options:
  directory: {description: Folder of the files., type: path, required: true}
  name: {description: Name of the files., type: str, required: true}
  owner: {description: User that may read the key., type: str, required: true}
  common_name: {description: Common name., type: str, required: true}
  alternative_names: {description: "DNS:... and IP:...", type: list, elements: str, required: true}
  renew_days: {description: Days before its end from which to renew it., type: int, required: true}
  authority: {description: Certificate of the authority (PEM)., type: str, required: true}
  then: {description: Actions that system_config runs., type: list, elements: str, default: []}
  certificate: {description: Signed certificate (PEM)., type: str}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Look whether the certificate still fits
  machine_certificate:
    directory: /etc/example/tls
    name: server
    owner: example
    common_name: host
    alternative_names: [DNS:host, IP:192.0.2.1]
    renew_days: 30
    authority: "{{ lookup('ansible.builtin.file', 'ca.crt') }}"
"""

RETURN = r"""
request:
  description: Certificate request, or none if the certificate fits.
  returned: always
  type: str
reason:
  description: Why a new certificate is needed.
  returned: when it is
  type: str
"""


def main() -> None:
    """Reads the parameters and does one of the two steps."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "common_name": {"type": "str", "required": True},
            "alternative_names": {"type": "list", "elements": "str", "required": True},
            "renew_days": {"type": "int", "required": True},
            "authority": {"type": "str", "required": True},
            "then": {"type": "list", "elements": "str", "default": []},
            "certificate": {"type": "str"},
        },
    )
    values = dict(module.params)
    certificate = values.pop("certificate")
    values["directory"] = Path(values["directory"])
    values["alternative_names"] = tuple(values["alternative_names"])
    values["then"] = tuple(values["then"])
    pair = Pair(**values)
    try:
        if certificate:
            pair.install(certificate)
            pair.settle()
            module.exit_json(changed=True, request=None)
        reason = pair.fault()
        if reason is not None:
            # Not a change yet: a request that is not answered leaves what is in use as it is.
            module.exit_json(changed=False, request=pair.request(), reason=reason)
        module.exit_json(changed=pair.settle(), request=None)
    except (CertificateError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
