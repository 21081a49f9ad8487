"""The network as a sandbox that was asked for meets it: every probe of `lab verify` (nodes, the API
server, IPv6, first packets, metadata, DNS as a tunnel), and ways from one sandbox into another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

# The same checks; `isolation_run` is this folder's own.
from tests.live.isolation.test_isolation import (  # noqa: F401
    test_a_sandbox_does_not_reach,
    test_a_sandbox_does_not_reach_ssh,
    test_a_sandbox_does_not_reach_what_its_node_does,
    test_names_of_the_cluster_only,
    test_no_connection_of_the_sandbox_arrived,
    test_no_way_around_by_ipv6,
    test_nobody_reaches_into_a_sandbox,
    test_not_even_the_first_packet,
    test_only_clients_of_vault_reach_it,
)
from tests.live.support import node_probe, probes
from tests.live.support.batch import Batch
from tests.live.support.machines import Host, python
from tests.live.support.probes import Answer, Target
from tests.live.support.tenants import Pair

WAYS = ("pod", "service", "name")


@dataclass(frozen=True, slots=True)
class Crossing:
    """What came of the attempts from one sandbox into the other."""

    attempts: dict[str, Answer]
    #: What the node that carries the victim's pod meets there.
    node: str
    attacker_address: str
    visitors: list[str]


@pytest.fixture(scope="module")
def crossing(pair: Pair, hosts: dict[str, Host]) -> Iterator[Crossing]:
    with ExitStack() as cleanup:
        yield cross(Batch(pair.api, cleanup), pair, hosts)


def cross(batch: Batch, pair: Pair, hosts: dict[str, Host]) -> Crossing:
    """A server in the victim's sandbox, a client in the attacker's."""
    victim = pair.victim.namespace
    node = pair.lab.node_name(pair.lab.worker)
    server = probes.server("server", victim)
    batch.make(server)
    service = batch.make(probes.service("server", victim, "server"))
    address = batch.address(server)
    client = probes.client(
        "client",
        pair.attacker.namespace,
        [
            Target("pod", "tcp", address, probes.PORT),
            Target("service", "tcp", service["spec"]["clusterIP"], 80),
            Target("name", "tcp", f"server.{victim}.svc.cluster.local", 80),
        ],
    )
    batch.make(client)
    _, attacker = batch.end(client)
    host = hosts[pair.lab.worker.name]
    tried = f"pod={address}:{probes.PORT}"
    reached = node_probe.answers(python(host, node_probe.SCRIPT, "reach", tried))
    assert batch.node(server) == node, "the victim's pod is not on the worker"
    return Crossing(
        probes.parse(batch.log(client)),
        reached["pod"],
        attacker,
        probes.connections(batch.log(server)),
    )


@pytest.mark.check(id="attacks.network.other-sandbox", area="attacks")
@pytest.mark.parametrize("way", WAYS)
def test_another_sandbox_is_out_of_reach(way: str, crossing: Crossing) -> None:
    assert crossing.node == "open", f"the control failed: {crossing.node}"
    assert way in crossing.attempts, "no attempt was made"
    answer = crossing.attempts[way]
    assert answer.verdict == "blocked", f"it is {answer.verdict}: {answer.text[:120]}"
    assert crossing.visitors, "the control failed: the server saw nobody, the node neither"
    assert crossing.attacker_address not in crossing.visitors
