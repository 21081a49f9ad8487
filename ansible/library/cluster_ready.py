"""Ansible module: waits until a cluster can be used, and says what holds it up if it cannot."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import CommandError, Result, attempt

DOCUMENTATION = r"""
module: cluster_ready
short_description: Wait until nodes, network and DNS of a cluster work
description:
  - Changes nothing. Waits for each node to be there and ready, for the workloads to be rolled out,
    and for the cluster's DNS to answer.
options:
  nodes: {description: Names of the nodes., type: list, elements: str, default: []}
  workloads: {description: "Workloads in kube-system, such as daemonset/cilium.", type: list,
              elements: str, default: []}
  pods: {description: Label selector of pods in kube-system to tell about., type: str, default: ""}
  dns: {description: Address of a name server; empty asks none., type: str, default: ""}
  name: {description: Name to look up there., type: str,
         default: kubernetes.default.svc.cluster.local}
  timeout: {description: Seconds for everything together., type: int, default: 240}
  kubeconfig: {description: Kubeconfig on this machine., type: path,
               default: /etc/kubernetes/admin.conf}
author: [AI lab]
"""

EXAMPLES = r"""
- name: Wait for the network
  cluster_ready:
    nodes: [control-plane, worker]
    workloads: [daemonset/cilium]
"""

RETURN = r"""
waited:
  description: Seconds.
  returned: always
  type: float
pods:
  description: Running pods that the selector names (node, address).
  returned: always
  type: list
  elements: dict
"""


class Waiter:
    """Waits for several things within one time limit."""

    def __init__(self, kubeconfig: str, timeout: float) -> None:
        self._kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
        self._end = time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds until the time is over."""
        return max(0.0, self._end - time.monotonic())

    def kubectl(self, *arguments: str) -> None:
        """Runs a kubectl command that waits by itself; again if the API server was away.

        Raises:
            CommandError: the time is over.
        """
        while True:
            limit = f"--timeout={self.left + 0.1:.1f}s"
            result = self._call(*arguments, limit)
            if result.status == 0:
                return
            if self.left <= 0 or "timed out" in result.error:
                words = result.error.strip()[-300:]
                raise CommandError(
                    f"`kubectl {' '.join(arguments)}` was not fulfilled in time: {words}. "
                    f"{self.held_up()}"
                )
            time.sleep(0.5)

    def _call(self, *arguments: str) -> Result:
        return attempt([*self._kubectl, *arguments], timeout=self.left + 15)

    def held_up(self) -> str:
        """Pods of kube-system that are not ready, with their own words, for the error."""
        get = ["get", "pods", "--namespace=kube-system", "--no-headers"]
        columns = "custom-columns=N:.metadata.name,P:.status.phase,R:.status.containerStatuses[*]"
        path = ".state.waiting.message"
        shown = attempt(
            [
                *self._kubectl,
                *get,
                f"--output={columns}{path},C:.status.containerStatuses[*].ready",
            ],
            timeout=15,
        )
        lines = [line for line in shown.output.splitlines() if not line.endswith("true")]
        return "Not ready: " + ("; ".join(" ".join(line.split()) for line in lines) or "nothing")

    def pods(self, selector: str) -> list[dict[str, str]]:
        """Node and address of the running pods of kube-system with these labels."""
        line = "{range .items[*]}{.spec.nodeName} {.status.podIP}{'\\n'}{end}"
        result = self._call(
            "get", "pods", "--namespace=kube-system", f"--selector={selector}",
            "--field-selector=status.phase=Running", f"--output=jsonpath={line}",
        )  # fmt: skip
        return [
            dict(zip(("node", "address"), words.split(), strict=True))
            for words in result.output.splitlines()
        ]

    def dns(self, server: str, name: str) -> None:
        """Waits until `server` resolves `name`.

        Raises:
            CommandError: the time is over.
        """
        while not resolves(server, name):
            if self.left <= 0:
                raise CommandError(
                    f"the cluster's DNS ({server}) does not answer. {self.held_up()}"
                )
            time.sleep(0.2)


def resolves(server: str, name: str) -> bool:
    """Whether a name server gives at least one address for a name."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">HHHHHH", 0x1AB0, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(1)
        try:
            link.sendto(question, (server, 53))
            reply = link.recv(512)
        except OSError:
            return False
    identifier, flags, _, answers = struct.unpack_from(">HHHH", reply)
    return bool(identifier == 0x1AB0 and flags & 0xF == 0 and answers > 0)


def wait(params: dict[str, Any]) -> list[dict[str, str]]:
    """Waits for what was asked for, in the order in which it comes about; tells about the pods."""
    waiter = Waiter(params["kubeconfig"], params["timeout"])
    nodes = [f"node/{name}" for name in params["nodes"]]
    if nodes:
        waiter.kubectl("wait", "--for=create", *nodes)
    for workload in params["workloads"]:
        waiter.kubectl("rollout", "status", workload, "--namespace=kube-system")
    if nodes:
        waiter.kubectl("wait", "--for=condition=Ready", *nodes)
    if params["dns"]:
        waiter.dns(params["dns"], params["name"])
    return waiter.pods(params["pods"]) if params["pods"] else []


def main() -> None:
    strings = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "nodes": strings,
            "workloads": strings,
            "pods": {"type": "str", "default": ""},
            "dns": {"type": "str", "default": ""},
            "name": {"type": "str", "default": "kubernetes.default.svc.cluster.local"},
            "timeout": {"type": "int", "default": 240},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    start = time.monotonic()
    try:
        pods = wait(module.params)
    except CommandError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, waited=round(time.monotonic() - start, 1), pods=pods)


if __name__ == "__main__":
    main()
