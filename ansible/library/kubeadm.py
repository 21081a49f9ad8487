"""Ansible module: runs kubeadm so that a run that was killed is made good by the next."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import STATE, CommandError, attempt, run, write

DOCUMENTATION = r"""
module: kubeadm
short_description: Initialise a control plane or join a machine to one
description:
  - A marker is written when kubeadm has succeeded. Without a marker, whatever an earlier run left
    is reset first, because kubeadm can not take up where it was stopped.
  - If the control plane's configuration changed after the initialisation, its static pods are
    written anew; etcd and the certificates stay. A kubelet gets the cluster's configuration again.
options:
  state:
    description: C(initialised) for a control plane, C(joined) for a worker.
    type: str
    choices: [initialised, joined]
    required: true
  config:
    description: kubeadm's configuration; it may hold a bootstrap token.
    type: str
  join:
    description:
      - kubeadm's JoinConfiguration for a further control plane, which then joins instead of
        initialising a cluster. It holds the key of the certificates that are handed over.
    type: str
  discovery:
    description: Kubeconfig with a bootstrap token, by which a machine finds and trusts the cluster.
    type: str
author: [AI lab]
"""

EXAMPLES = r"""
- name: Control plane
  kubeadm:
    state: initialised
    config: "{{ lookup('ansible.builtin.template', 'kubeadm.yaml.j2') }}"
"""

RETURN = r"""
done:
  description: Whether the machine is part of a cluster (in check mode, whether it already was).
  returned: always
  type: bool
service_account_public_key:
  description: PEM key that verifies service account tokens (control plane only).
  returned: when initialised
  type: str
"""

_KUBERNETES = Path("/etc/kubernetes")
_KUBELET_CONFIG = Path("/var/lib/kubelet/config.yaml")
_CONFIG = Path("/run/ai-lab/kubeadm.yaml")
_DISCOVERY = Path("/run/ai-lab/discovery.conf")
_CGROUP_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
_LEFTOVERS = (
    "/etc/kubernetes/*.conf",
    "/etc/kubernetes/manifests/*",
    "/etc/kubernetes/pki/*",
    "/var/lib/etcd/member",
    "/var/lib/kubelet/config.yaml",
)
_COMMANDS = {"initialised": "init", "joined": "join"}
#: The file without which a machine is not what its marker says.
_PROOF = {"initialised": "admin.conf", "joined": "kubelet.conf"}


class Kubeadm:
    """One machine and what kubeadm did to it."""

    def __init__(self, state: str, config: str, discovery: str, join: str = "") -> None:
        self.state = state
        self.config = config
        self.discovery = discovery
        self.join = join
        self.marker = STATE / f"kubeadm-{state}.json"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.config.encode()).hexdigest()

    def done(self) -> bool:
        return self.marker.exists() and (_KUBERNETES / _PROOF[self.state]).exists()

    def bring(self) -> bool:
        """Brings the machine into the state; returns whether anything was done.

        Raises:
            CommandError: kubeadm failed.
        """
        changed = True
        if not self.done():
            self._start()
        elif self.state == "initialised" and self._recorded() != self.digest:
            self._change()
            renew_kubelet_configuration()
        else:
            changed = renew_kubelet_configuration()
        changed = self._take_away_super_admin() or changed
        changed = _for_root_alone(_KUBELET_CONFIG) or changed
        if not changed:
            return False
        write(self.marker, json.dumps({"config": self.digest}).encode(), 0o600)
        return True

    def _take_away_super_admin(self) -> bool:
        """Its group is above every rule of the cluster, and its rights cannot be taken back.

        Nothing of the lab needs it; `kubeadm init phase kubeconfig super-admin` makes it again.
        """
        file = _KUBERNETES / "super-admin.conf"
        there = file.exists()
        file.unlink(missing_ok=True)
        return there

    def _recorded(self) -> str:
        return str(json.loads(self.marker.read_text())["config"])

    def _start(self) -> None:
        self.marker.unlink(missing_ok=True)
        if any(list(Path("/").glob(pattern[1:])) for pattern in _LEFTOVERS):
            run(["kubeadm", "reset", "--force"], timeout=180)
        options = [] if _CGROUP_V2.exists() else ["--ignore-preflight-errors=SystemVerification"]
        if self.join:
            self._with_config(["join"], options, self.join)
        else:
            self._with_config([_COMMANDS[self.state]], options, self.config)

    def _change(self) -> None:
        manifest = _KUBERNETES / "manifests" / "kube-apiserver.yaml"
        before, process = manifest.read_bytes(), api_server()
        # The configuration goes to the API server before that is started anew.
        for phase in (["upload-config", "all"], ["control-plane", "all"]):
            self._with_config(["init", "phase", *phase], [], self.config)
        if manifest.read_bytes() != before:
            wait_for_another(process)

    def _with_config(self, arguments: list[str], options: list[str], config: str) -> None:
        write(_CONFIG, config.encode(), 0o600)
        write(_DISCOVERY, self.discovery.encode(), 0o600)
        try:
            run(["kubeadm", *arguments, f"--config={_CONFIG}", *options], timeout=420)
        finally:
            _CONFIG.unlink()
            _DISCOVERY.unlink()


def _for_root_alone(file: Path) -> bool:
    """Kubeadm lets everybody read it (CIS 4.1.9), and keeps the mode of a file that is there."""
    if file.stat().st_mode & 0o777 == 0o600:
        return False
    file.chmod(0o600)
    return True


def renew_kubelet_configuration() -> bool:
    """Takes the cluster's own over; returns whether that made a difference.

    Raises:
        CommandError: the cluster does not answer, or the kubelet does not start with it.
    """
    before = _KUBELET_CONFIG.read_bytes()
    try:
        run(["kubeadm", "upgrade", "node", "phase", "kubelet-config"], timeout=60)
    finally:
        # kubeadm keeps a copy of every former one.
        shutil.rmtree(_KUBERNETES / "tmp", ignore_errors=True)
    if _KUBELET_CONFIG.read_bytes() == before:
        return False
    run(["systemctl", "restart", "kubelet.service"], timeout=60)
    return True


def api_server() -> str:
    """Process number of the API server, or an empty string while there is none."""
    return attempt(["pgrep", "--newest", "--exact", "kube-apiserver"]).output.strip()


def wait_for_another(process: str, timeout: float = 180) -> None:
    """Waits until the kubelet has put another API server in place, and that one is ready.

    Raises:
        CommandError: it was not within `timeout` seconds.
    """
    # Of this machine: another control plane may answer at the cluster's address.
    here = [f"--kubeconfig={_KUBERNETES}/admin.conf", "--server=https://127.0.0.1:6443"]
    ready = ["kubectl", *here, "get", "--raw=/readyz"]
    end = time.monotonic() + timeout
    while api_server() in {"", process} or attempt(ready, timeout=30).status != 0:
        if time.monotonic() > end:
            raise CommandError(
                "the API server did not come back with its new configuration; "
                "see `journalctl -u kubelet` and /var/log/pods on the control plane"
            )
        time.sleep(0.5)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(_COMMANDS), "required": True},
            "config": {"type": "str", "no_log": True},
            "join": {"type": "str", "no_log": True},
            "discovery": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    texts = [params[name] or "" for name in ("config", "discovery", "join")]
    kubeadm = Kubeadm(params["state"], *texts)
    if module.check_mode:
        module.exit_json(changed=False, done=kubeadm.done())
    try:
        changed = kubeadm.bring()
    except (CommandError, OSError) as error:
        module.fail_json(msg=str(error))
    facts = {}
    if params["state"] == "initialised":
        facts["service_account_public_key"] = (_KUBERNETES / "pki/sa.pub").read_text()
    module.exit_json(changed=changed, done=True, **facts)


if __name__ == "__main__":
    main()
