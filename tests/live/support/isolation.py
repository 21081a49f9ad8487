"""One run of all isolation probes: what was tried from a sandbox, and its positive controls.

Everything is made in one batch and removed at the end, whatever happened. Forbidden attempts
run in the sandbox; the same targets are reached in the same run from where that is allowed: a
throw-away namespace without network policies, or a node.
"""

from __future__ import annotations

import fcntl
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from infra.naming import LABEL_SECRET_STORE, bridge, sandbox_namespace
from tests.live.support import listeners, node_probe, probes
from tests.live.support.api import Api
from tests.live.support.batch import Batch
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, python
from tests.live.support.probes import Answer, Target


@dataclass(frozen=True, slots=True)
class Run:
    """What one run found, by target id."""

    forbidden: dict[str, Answer]
    #: From a pod of the sandbox that says by label that it uses Vault.
    labelled: dict[str, Answer]
    #: From a pod in a namespace without policies.
    control: dict[str, Answer]
    #: From the worker itself.
    node: dict[str, str]
    #: From this host, which administers the machines.
    host: dict[str, str]
    #: IPv6 addresses of the worker's links; the probes try each.
    node_ipv6: list[str]
    #: Exit statuses of the pods whose first act was to connect, and of their control.
    first_packets: dict[str, int]
    first_packet_control: int
    #: Who connected to each probe server of the control namespace.
    visitors: dict[str, list[str]]
    #: Addresses of the probe pods by name.
    addresses: dict[str, str]
    #: What reached this host while the sandbox's pods tried (nothing may).
    reached_outside: dict[str, list[str]]
    #: Namespaces of the two sides.
    sandbox: str
    beside: str


def probed_sandbox(lab: Lab) -> str:
    """Namespace of the sandbox whose isolation is probed: the first one configured."""
    assert lab.config.sandboxes, (
        "the lab has no sandbox, so there is nothing to probe. Configure one under `sandboxes`."
    )
    return sandbox_namespace(lab.config.sandboxes[0].name)


def vault_target(lab: Lab) -> Target:
    """Vault's address, which only pods that say they use it may reach."""
    host, port = lab.vault_address
    return Target("vault", "tcp", host, port)


def node_targets(lab: Lab) -> list[Target]:
    """What nodes offer to pods: the API server, and the kubelet to monitoring."""
    ports = {"control-plane": (6443, 10250), "worker": (10250,)}
    return [
        Target(f"node.{machine.name}.{port}", "tcp", str(machine.address), port)
        for machine in lab.nodes
        for port in ports[machine.role]
    ]


def ssh_targets(lab: Lab) -> list[Target]:
    """What only the host that administers the machines may reach."""
    return [
        Target(f"ssh.{machine.name}", "tcp", str(machine.address), 22)
        for machine in lab.config.machines
    ]


def _connect(target: Target) -> str:
    try:
        with socket.create_connection((target.address, target.port), timeout=4):
            return "open"
    except OSError as error:
        return str(error)


@contextmanager
def run(lab: Lab, api: Api, hosts: dict[str, Host], sandbox: str) -> Iterator[Run]:
    """Makes everything, waits for the answers, and removes everything.

    `sandbox` is the namespace whose isolation is probed.
    """
    token = secrets.token_hex(4)
    beside = f"lab-verify-{token}"
    with ExitStack() as stack:
        # The addresses on this host can be listened on by one run at a time.
        turn = stack.enter_context((lab.home.root / "isolation.lock").open("w"))
        fcntl.flock(turn, fcntl.LOCK_EX)
        outside = stack.enter_context(
            listeners.outside(bridge(lab.name), str(lab.config.network.gateway))
        )
        batch = Batch(api, stack)
        batch.make(probes.namespace(beside))
        yield _Probes(lab, hosts, batch, outside, sandbox, beside, token).run()


@dataclass(frozen=True, slots=True)
class _Probes:
    lab: Lab
    hosts: dict[str, Host]
    batch: Batch
    outside: listeners.Outside
    sandbox: str
    beside: str
    token: str

    def run(self) -> Run:
        worker = self.lab.node_name(self.lab.worker)
        control_plane = self.lab.node_name(self.lab.control_plane)
        servers = [
            probes.server(self._name("near"), self.beside, node=worker),
            probes.server(self._name("far"), self.beside, node=control_plane),
            probes.server(self._name("inside"), self.sandbox, node=worker),
        ]
        service = self.batch.make(
            probes.service(self._name("near"), self.beside, self._name("near"))
        )
        for manifest in servers:
            self.batch.make(manifest)
        addresses = {m["metadata"]["name"]: self.batch.address(m) for m in servers}
        near, far, inside = (addresses[self._name(name)] for name in ("near", "far", "inside"))
        node_ipv6 = self._link_local()
        targets = [
            Target("pod.same-node", "tcp", near, probes.PORT),
            Target("pod.other-node", "tcp", far, probes.PORT),
            Target("service", "tcp", service["spec"]["clusterIP"], 80),
            *self._fixed_targets(),
        ]
        first = [
            probes.first_packet(self._name(f"first-{index}"), self.sandbox, address, node=worker)
            for index, address in enumerate((near, far, near, far))
        ]
        vault = vault_target(self.lab)
        same_sandbox = Target("pod.same-sandbox", "tcp", inside, probes.PORT)
        clients = [
            probes.client(
                self._name("client"),
                self.sandbox,
                [*targets, same_sandbox, vault, *self._sandbox_only_targets(node_ipv6)],
                node=worker,
            ),
            probes.client(
                self._name("labelled"),
                self.sandbox,
                probes.must_succeed([vault]),
                node=worker,
                labels={LABEL_SECRET_STORE: "client"},
            ),
            probes.client(
                self._name("control"),
                self.beside,
                [
                    *probes.must_succeed(targets),
                    Target("ingress", "tcp", inside, probes.PORT),
                ],
                node=worker,
            ),
            probes.first_packet(self._name("first-control"), self.beside, far, node=worker),
        ]
        for manifest in (*first, *clients):
            self.batch.make(manifest)
        ended = {m["metadata"]["name"]: self.batch.end(m) for m in (*first, *clients)}
        reached = self._reached_outside()
        logs = {m["metadata"]["name"]: self.batch.log(m) for m in (*servers, *clients)}
        return Run(
            forbidden=probes.parse(logs[self._name("client")]),
            labelled=probes.parse(logs[self._name("labelled")]),
            control=probes.parse(logs[self._name("control")]),
            node=self._from_node(inside),
            host=self._from_host(),
            node_ipv6=node_ipv6,
            first_packets={m["metadata"]["name"]: ended[m["metadata"]["name"]][0] for m in first},
            first_packet_control=ended[self._name("first-control")][0],
            visitors={
                "near": probes.connections(logs[self._name("near")]),
                "far": probes.connections(logs[self._name("far")]),
            },
            addresses=addresses | {name: address for name, (_, address) in ended.items()},
            reached_outside=reached,
            sandbox=self.sandbox,
            beside=self.beside,
        )

    def _name(self, part: str) -> str:
        return f"probe-{part}-{self.token}"

    def _fixed_targets(self) -> list[Target]:
        services = self.lab.config.network.services
        return [
            Target("api-server", "tcp", str(services[1]), 443),
            *node_targets(self.lab),
            *ssh_targets(self.lab),
        ]

    def _sandbox_only_targets(self, node_ipv6: list[str]) -> list[Target]:
        outside = self.outside
        return [
            Target("metadata", "tcp", listeners.METADATA, 80),
            Target("gateway", "tcp", outside.gateway, outside.gateway_port),
            Target("dns.direct-tcp", "tcp", outside.gateway, 53),
            Target("dns.direct-udp", "dns", outside.gateway, name=f"pod-{self.token}.invalid"),
            *probes.must_succeed(
                [Target("dns.own", "dns", "", name="kubernetes.default.svc.cluster.local")]
            ),
            Target("dns.external", "dns", "", name="example.org"),
            Target("ipv6.addresses", "read", "/proc/net/if_inet6"),
            Target("ipv6.routes", "read", "/proc/net/ipv6_route"),
            *(
                Target(f"ipv6.neighbour-{index}", "tcp", f"{address}%eth0", 22)
                # Without any address to try, the customary one of a router stands for all.
                for index, address in enumerate(node_ipv6 or ["fe80::1"])
            ),
        ]

    def _link_local(self) -> list[str]:
        """IPv6 addresses of the worker's links."""
        host = self.hosts[self.lab.worker.name]
        return node_probe.link_local(python(host, node_probe.SCRIPT, "link-local"))

    def _from_node(self, inside: str) -> dict[str, str]:
        """The controls that only a node may do, after the pods have finished."""
        outside = self.outside
        tries = [
            f"pod.same-sandbox={inside}:{probes.PORT}",
            f"metadata={listeners.METADATA}:80",
            f"gateway={outside.gateway}:{outside.gateway_port}",
            f"dns.direct-tcp={outside.gateway}:53",
            f"dns.direct-udp={outside.gateway}:53:node-{self.token}.invalid",
        ]
        host = self.hosts[self.lab.worker.name]
        return node_probe.answers(python(host, node_probe.SCRIPT, "reach", *tries))

    def _from_host(self) -> dict[str, str]:
        return {target.id: _connect(target) for target in ssh_targets(self.lab)}

    def _reached_outside(self) -> dict[str, list[str]]:
        outside = self.outside
        return {
            "metadata": list(outside.metadata_visitors.seen),
            "gateway": list(outside.gateway_visitors.seen),
            "dns.direct-tcp": list(outside.dns_tcp_visitors.seen),
            "dns.direct-udp": list(outside.dns_udp_visitors.seen),
        }
