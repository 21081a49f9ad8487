"""Isolation by real probes from real pods; each forbidden attempt has its positive control.

All attempts were made in one run (support/isolation.py) and are judged here one by one. The
control says that the target could be reached in the same run from where that is allowed: so a
forbidden attempt failed because of a wall, not because nothing was there.
"""

from __future__ import annotations

import pytest

from tests.live.support.api import Api
from tests.live.support.isolation import Run, node_targets, ssh_targets, vault_target
from tests.live.support.lab import current
from tests.live.support.probes import Answer, ipv6_ways_out, upstreams, usable_ipv6

_LAB = current()

#: Targets whose control is a pod in a namespace without policies.
FROM_PODS = [
    "pod.same-node",
    "pod.other-node",
    "service",
    "api-server",
    *(target.id for target in node_targets(_LAB)),
]
#: Targets whose control is this host, which administers the machines.
FROM_HOST = [target.id for target in ssh_targets(_LAB)]
#: Targets whose control is the node that carries the sandbox's pods.
FROM_NODES = ["pod.same-sandbox", "metadata", "gateway", "dns.direct-tcp", "dns.direct-udp"]

OPEN = (
    "Some NetworkPolicy allows it, or default-deny is gone: `kubectl -n {} get networkpolicies`; "
    "`./lab up --refresh` restores the lab's own."
)


def blocked(run: Run, target: str) -> Answer:
    """The answer to a forbidden attempt, which must have been made."""
    assert target in run.forbidden, f"the probe of {target} gave no answer."
    return run.forbidden[target]


def assert_blocked(run: Run, target: str) -> None:
    answer = blocked(run, target)
    assert answer.verdict == "blocked", (
        f"a pod of {run.sandbox} reaches {target} ({answer.verdict}: {answer.text[:120]}). "
        f"{OPEN.format(run.sandbox)}"
    )


@pytest.mark.check(id="isolation", area="isolation")
@pytest.mark.parametrize("target", FROM_PODS)
def test_a_sandbox_does_not_reach(target: str, isolation_run: Run) -> None:
    control = isolation_run.control.get(target)
    assert control, f"the control of {target} gave no answer."
    assert control.verdict == "open", (
        f"the control failed: a pod outside sandboxes does not reach {target} either "
        f"({control.text[:120]}), so nothing is proven."
    )
    assert_blocked(isolation_run, target)


@pytest.mark.check(id="isolation", area="isolation")
@pytest.mark.parametrize("target", FROM_NODES)
def test_a_sandbox_does_not_reach_what_its_node_does(target: str, isolation_run: Run) -> None:
    control = isolation_run.node.get(target)
    assert control == "open", (
        f"the control failed: the node itself does not reach {target} ({control}), so nothing is "
        "proven."
    )
    assert_blocked(isolation_run, target)
    reached = isolation_run.reached_outside.get(target, [])
    assert not reached, (
        f"packets of the sandbox arrived at {target} of this host ({reached}), even though the "
        f"pod saw no answer. {OPEN.format(isolation_run.sandbox)}"
    )


@pytest.mark.check(id="isolation", area="isolation")
@pytest.mark.parametrize("target", FROM_HOST)
def test_a_sandbox_does_not_reach_ssh(target: str, isolation_run: Run) -> None:
    control = isolation_run.host.get(target)
    assert control == "open", (
        f"the control failed: this host does not reach {target} either ({control}), so nothing is "
        "proven."
    )
    assert_blocked(isolation_run, target)


@pytest.mark.check(id="isolation.ingress", area="isolation")
def test_nobody_reaches_into_a_sandbox(isolation_run: Run) -> None:
    control = isolation_run.node.get("pod.same-sandbox")
    assert control == "open", f"the control failed: the pod does not answer its node ({control})."
    answer = isolation_run.control["ingress"]
    assert answer.verdict == "blocked", (
        f"a pod of another namespace reaches a pod of {isolation_run.sandbox} ({answer.text}). "
        f"{OPEN.format(isolation_run.sandbox)}"
    )


@pytest.mark.check(id="isolation.secret-store", area="isolation")
def test_only_clients_of_vault_reach_it(isolation_run: Run) -> None:
    """Vault is open to pods that say by label that they use it, and closed to all others."""
    target = vault_target(_LAB).id
    answer = isolation_run.labelled.get(target)
    assert answer, "the probe of Vault by a labelled pod gave no answer."
    assert answer.verdict == "open", (
        f"a pod that says it uses Vault does not reach it ({answer.text[:120]}): the policy "
        "allow-secret-store is gone or wrong."
    )
    assert_blocked(isolation_run, target)


@pytest.mark.check(id="isolation.dns", area="isolation")
def test_names_of_the_cluster_only(isolation_run: Run) -> None:
    own = isolation_run.forbidden["dns.own"]
    service = str(_LAB.config.network.services[1])
    assert service in own.text, f"a sandbox cannot resolve the cluster's own names: {own.text}"
    external = isolation_run.forbidden["dns.external"]
    assert external.status != 0, (
        f"the cluster's DNS resolves names outside ({external.text[:120]}): data can leave in "
        "questions. CoreDNS must not forward (`kubectl -n kube-system get configmap coredns`)."
    )


@pytest.mark.check(id="isolation.dns.upstream", area="isolation")
def test_the_clusters_dns_asks_nobody(api: Api) -> None:
    """Where there is no way out, an upstream would not show in answers; so it is looked up."""
    path = "/api/v1/namespaces/kube-system/configmaps/coredns"
    found = upstreams(api.read(path)["data"]["Corefile"])
    assert not found, (
        f"CoreDNS sends questions elsewhere ({'; '.join(found)}): data can leave in them. "
        "`./lab up --refresh` writes the lab's own configuration."
    )


@pytest.mark.check(id="isolation.ipv6", area="isolation")
def test_no_way_around_by_ipv6(isolation_run: Run) -> None:
    """NetworkPolicies of an IPv4 cluster say nothing about IPv6; so there must be nothing there.

    The kernel gives every link an address of its own (fe80::); what counts is that no neighbour
    has one, that none answers, and that no route leads further.
    """
    usable = usable_ipv6(isolation_run.forbidden["ipv6.addresses"].text)
    assert not usable, f"pods have IPv6 addresses ({usable}). Disable IPv6 on the nodes."
    routes = ipv6_ways_out(isolation_run.forbidden["ipv6.routes"].text)
    assert not routes, f"pods have IPv6 routes to {routes}. Disable IPv6 on the nodes."
    tries = {k: v for k, v in isolation_run.forbidden.items() if k.startswith("ipv6.neighbour")}
    assert tries, "no attempt by IPv6 was made."
    reached = [
        f"{name}: {answer.text}" for name, answer in tries.items() if answer.verdict != "blocked"
    ]
    assert not reached, f"a pod reaches a neighbour by IPv6: {reached}."
    assert not isolation_run.node_ipv6, (
        f"the worker has IPv6 addresses ({isolation_run.node_ipv6}), which no policy of an IPv4 "
        "cluster guards. net.ipv6.conf.all.disable_ipv6 must be 1 there."
    )


@pytest.mark.check(id="isolation.first-packet", area="isolation")
def test_not_even_the_first_packet(isolation_run: Run) -> None:
    """Pods whose very first act is to connect, on the same node and on another one."""
    assert isolation_run.first_packet_control == 0, (
        "the control failed: a pod outside sandboxes that connects at once does not get through."
    )
    got_through = [name for name, status in isolation_run.first_packets.items() if status == 0]
    assert not got_through, (
        f"pods got through before their walls stood: {', '.join(got_through)}. The network "
        "plugin must enforce before a pod starts (Cilium: enable-policy, endpoint regeneration)."
    )
    own = {isolation_run.addresses[name]: name for name in isolation_run.first_packets}
    for server, visitors in isolation_run.visitors.items():
        seen = [own[address] for address in visitors if address in own]
        assert not seen, f"first packets of {', '.join(seen)} arrived at the server {server}."
    assert isolation_run.visitors["far"], "the control failed: the server saw nobody at all."


@pytest.mark.check(id="isolation.servers-saw-nobody", area="isolation")
def test_no_connection_of_the_sandbox_arrived(isolation_run: Run) -> None:
    """What the servers saw, independent of what the clients say."""
    own = {
        address: name
        for name, address in isolation_run.addresses.items()
        if name.startswith(("probe-client", "probe-first-")) and "control" not in name
    }
    for server, visitors in isolation_run.visitors.items():
        seen = [own[address] for address in visitors if address in own]
        assert not seen, f"connections of {', '.join(seen)} arrived at the server {server}."
