"""Ansible module: keeps a Helm release at one chart archive and one set of values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import CommandError, attempt, run, write

DOCUMENTATION = r"""
module: helm_release
short_description: Install or upgrade a Helm release from a chart archive
description:
  - The digest of chart and values is kept as the release's description, so that Helm is called
    only when one of them changed.
  - A release that a killed run left half-made is rolled back or removed first; Helm itself would
    refuse to go on.
options:
  name: {description: Name of the release., type: str, required: true}
  namespace: {description: Namespace of the release., type: str, required: true}
  chart: {description: Chart archive on this machine., type: path, required: true}
  values: {description: Values of the release., type: dict, required: true}
  kubeconfig: {description: Kubeconfig on this machine., type: path,
               default: /etc/kubernetes/admin.conf}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Network
  helm_release:
    name: cilium
    namespace: kube-system
    chart: /usr/local/share/ai-lab/cilium-chart.tgz
    values: {ipam: {mode: kubernetes}}
"""

RETURN = r"""
digest:
  description: Digest of chart and values.
  returned: always
  type: str
"""


class Release:
    """One release, through the helm command."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._name: str = params["name"]
        self._chart = Path(params["chart"])
        self._values: str = json.dumps(params["values"], sort_keys=True)
        self._common = [
            f"--namespace={params['namespace']}",
            f"--kubeconfig={params['kubeconfig']}",
        ]

    @property
    def digest(self) -> str:
        content = self._chart.read_bytes() + self._values.encode()
        return hashlib.sha256(content).hexdigest()

    def latest(self) -> tuple[str, str]:
        """Status and description of the latest revision; two empty strings if there is none.

        Raises:
            CommandError: the cluster does not answer.
        """
        command = ["helm", "history", self._name, "--max=1", "--output=json", *self._common]
        result = attempt(command, timeout=60)
        if result.status != 0:
            if "release: not found" in result.error:
                return "", ""
            raise CommandError(f"helm history failed: {result.error.strip()[-500:]}")
        revision = json.loads(result.output)[-1]
        return str(revision["status"]), str(revision["description"])

    def ensure(self, *, check: bool) -> bool:
        """Brings the release to chart and values; returns whether it was not there yet."""
        status, description = self.latest()
        if status == "deployed" and description == self.digest:
            return False
        if not check:
            self._clear(status)
            self._apply()
        return True

    def _clear(self, status: str) -> None:
        if status in {"pending-install", "uninstalling"}:
            run(["helm", "uninstall", self._name, "--no-hooks", *self._common], timeout=120)
        elif status in {"pending-upgrade", "pending-rollback"}:
            run(["helm", "rollback", self._name, *self._common], timeout=120)

    def _apply(self) -> None:
        values = Path("/run/ai-lab") / f"{self._name}-values.json"
        write(values, self._values.encode(), 0o600)
        command = ["helm", "upgrade", "--install", self._name, str(self._chart)]
        try:
            run(
                [*command, f"--values={values}", f"--description={self.digest}", *self._common],
                timeout=180,
            )
        finally:
            values.unlink()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "chart": {"type": "path", "required": True},
            "values": {"type": "dict", "required": True},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    release = Release(module.params)
    try:
        changed = release.ensure(check=module.check_mode)
        module.exit_json(changed=changed, digest=release.digest)
    except (CommandError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
