"""Probe pods: what they are made of, what they try, and how their answers are read.

A probe pod uses the lab's own small image (busybox), runs as an ordinary user and fulfils Pod
Security `restricted`, so that it is admitted wherever a sandbox's own pods are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from infra.naming import LABEL_PREFIX, SANDBOX_SERVICE_ACCOUNT, sandbox_namespace

IMAGE = "lab.local/probe:1"
#: Port of every probe server.
PORT = 8080
LABEL = f"{LABEL_PREFIX}/probe"
#: Seconds that one attempt may take: a dropped packet is retransmitted after one and three.
PATIENCE = 4

Verdict = Literal["open", "blocked", "refused", "unclear"]


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to try: `tcp` connects, `dns` asks a name server, `read` shows a file.

    For `dns`, `port` is not used and `name` is the name to ask for; an empty address means the
    pod's own name server. With `tries` over 1 a failed attempt is repeated: for whatever must
    succeed, which may come too early for a network that is just being set up or lose a packet
    on a busy machine. A forbidden attempt gets one try: one success is enough.
    """

    id: str
    kind: Literal["tcp", "dns", "read"]
    address: str
    port: int = 0
    name: str = ""
    tries: int = 1


def must_succeed(targets: Iterable[Target]) -> list[Target]:
    """The same targets as positive controls: each is tried up to three times."""
    return [replace(target, tries=3) for target in targets]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt gave: its exit status and everything that it printed."""

    status: int
    text: str

    @property
    def verdict(self) -> Verdict:
        """How far a connection attempt came.

        `refused` means that the packet arrived and nothing listened: the way there is open.
        """
        if "refused" in self.text:
            return "refused"
        # 143: connected, and ended by our own timeout while the other side kept quiet.
        if self.status in (0, 143):
            return "open"
        blocked = ("timed out", "unreachable", "No route", "not permitted", "Cannot assign")
        return "blocked" if any(word in self.text for word in blocked) else "unclear"


def client_script(targets: Sequence[Target]) -> str:
    """A shell script that tries all targets at once and prints one line for each."""
    lines = [
        "run() { left=$1; shift; while :; do left=$((left-1));"
        ' out=$("$@" 2>&1); s=$?;'
        " [ $s = 1 ] && [ $left -gt 0 ] && continue; break; done; }",
        "probe() { id=$1; shift; run \"$@\"; echo \"PROBE $id $s $(echo $out | tr '\\n' ' ')\"; }",
    ]
    lines += [f"probe {target.id} {target.tries} {_command(target)} &" for target in targets]
    return "\n".join([*lines, "wait", "echo PROBES-DONE"])


def _command(target: Target) -> str:
    if target.kind == "read":
        return f"cat {target.address}"
    if target.kind == "dns":
        return f"timeout {PATIENCE + 2} nslookup -type=a {target.name} {target.address}".rstrip()
    return f"timeout {PATIENCE + 1} nc -w {PATIENCE} {target.address} {target.port} </dev/null"


def parse(log: str) -> dict[str, Answer]:
    """Answers by target id from a client's log; empty until the client is done."""
    if "PROBES-DONE" not in log:
        return {}
    answers = {}
    for line in log.splitlines():
        if line.startswith("PROBE "):
            _, id_, status, text = line.split(" ", 3)
            answers[id_] = Answer(int(status), text.strip())
    return answers


def usable_ipv6(table: str) -> list[str]:
    """Addresses in /proc/net/if_inet6 (white space as it may be) beyond one link or host.

    The scope of an address is its fourth field: 10 is the host itself, 20 is one link.
    """
    words = table.split()
    rows = [words[start : start + 6] for start in range(0, len(words), 6)]
    return [f"{row[0]} on {row[5]}" for row in rows if row[3] not in ("10", "20")]


def ipv6_ways_out(table: str) -> list[str]:
    """Destinations in /proc/net/ipv6_route beyond one link, multicast and the host itself.

    A row has ten fields: destination, length, source, length, next hop, metric, references,
    uses, flags, device. Flag 0x200 says that packets are refused.
    """
    words = table.split()
    rows = [words[start : start + 10] for start in range(0, len(words), 10)]
    return [
        f"{row[0]}/{int(row[1], 16)} by {row[9]}"
        for row in rows
        if row[9] != "lo"
        and not row[0].startswith(("fe80", "ff00"))
        and not int(row[8], 16) & 0x200
    ]


def upstreams(corefile: str) -> list[str]:
    """Lines of CoreDNS' configuration that send questions elsewhere."""
    lines = [line.strip() for line in corefile.splitlines()]
    return [line for line in lines if line.split(" ", 1)[0] in ("forward", "grpc", "proxy")]


def connections(server_log: str) -> list[str]:
    """Addresses that opened a connection to a probe server, data sent or not."""
    return [
        line.rsplit(":", 2)[0].strip("[]").removeprefix("::ffff:")
        for line in server_log.splitlines()
        if line.endswith(": connected")
    ]


def pod(
    name: str,
    namespace: str,
    command: Sequence[str],
    *,
    node: str = "",
    labels: Mapping[str, str] | None = None,
    cpu: str = "100m",
) -> dict[str, Any]:
    """A probe pod. On a named node it also tolerates the control plane's taint, but in a sandbox:
    there it is what a sandbox's pods may be.
    """
    sandboxed = namespace.startswith(sandbox_namespace(""))
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "runAsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "probe",
                "image": IMAGE,
                # The lab put it onto the nodes; there is nowhere to pull it from.
                "imagePullPolicy": "Never",
                "command": list(command),
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {
                        "cpu": "10m",
                        "memory": "16Mi",
                        "ephemeral-storage": "1Mi",
                    },
                    "limits": {"cpu": cpu, "memory": "32Mi", "ephemeral-storage": "8Mi"},
                },
            }
        ],
    }
    if sandboxed:
        spec["serviceAccountName"] = SANDBOX_SERVICE_ACCOUNT
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    if node and not sandboxed:
        spec["tolerations"] = [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {LABEL: name, **(labels or {})},
        },
        "spec": spec,
    }


def server(name: str, namespace: str, *, node: str = "") -> dict[str, Any]:
    """A pod that accepts connections and writes every one of them into its log."""
    return pod(
        name,
        namespace,
        ["httpd", "-f", "-vvv", "-p", str(PORT), "-h", "/"],
        node=node,
    )


def client(
    name: str,
    namespace: str,
    targets: Sequence[Target],
    *,
    node: str = "",
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A pod that tries targets and ends."""
    command = ["sh", "-c", client_script(targets)]
    # All attempts begin at once.
    return pod(name, namespace, command, node=node, labels=labels, cpu="500m")


def first_packet(name: str, namespace: str, address: str, *, node: str = "") -> dict[str, Any]:
    """A pod whose very first act is to connect: no shell, nothing before it."""
    return pod(name, namespace, ["nc", "-w", str(PATIENCE), address, str(PORT)], node=node)


def service(name: str, namespace: str, pod_name: str) -> dict[str, Any]:
    """A service in front of one probe server."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {LABEL: pod_name},
            "ports": [{"port": 80, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def namespace(name: str) -> dict[str, Any]:
    """The control namespace: Pod Security `restricted`, and no network policy at all."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                LABEL: "control",
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    }
