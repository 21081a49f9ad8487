"""The tunnel between two grounds, on two gateways that QEMU emulates.

Both are set up by the product's own playbooks, one run for each as `tunnels` declares them. Behind
each lies a network namespace with one address: Vault's on the hub, a sandbox's node on the spoke.
What crosses is tried from there, and read on the wire between the gateways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.hosts.playbooks import Outcome
from tests.harness.qemu import wire
from tests.harness.qemu.group import Group, described, running
from tests.harness.qemu.machine import Machine
from tests.live.support.canary import new_value

TUNNEL = 51820
VAULT, OTHER = 8200, 8201
PEER = "wg-site"


@dataclass(frozen=True, slots=True)
class End:
    """A gateway's name, its address towards what lies behind it, and who lies there."""

    name: str
    inner: str
    behind: str


HUB, SPOKE = End("hub", "10.96.1.1", "10.96.1.2"), End("spoke", "10.96.2.1", "10.96.2.2")
ENDS = (HUB, SPOKE)
FLOW = {
    "from": [f"{SPOKE.behind}/32"],
    "to": [f"{HUB.behind}/32"],
    "protocol": "tcp",
    "ports": [VAULT],
    "reason": "Sandboxes log in to the lab's Vault.",
}


@dataclass(slots=True)
class Site:
    """The two gateways, the keys that they reported, and what joined them."""

    group: Group
    keys: dict[str, str]
    joined: list[Outcome]

    def __getitem__(self, end: End) -> Machine:
        return self.group[end.name]

    def join(self, end: End, keys: dict[str, str]) -> Outcome:
        other = SPOKE if end == HUB else HUB
        peer = {
            "name": other.name,
            "public_key": keys[other.name],
            "endpoint": str(self[other].address.ip),
            "port": TUNNEL,
            "ranges": [f"{other.behind}/32"],
        }
        return self.group.play(
            "gateway",
            {end.name: ("gateway",)},
            wireguard_gateway_port=TUNNEL,
            wireguard_gateway_public_key=keys[end.name],
            wireguard_gateway_peers=[peer],
            wireguard_gateway_flows=[FLOW],
        )


def prepare(group: Group, end: End) -> Outcome:
    other = SPOKE if end == HUB else HUB
    return group.play(
        "gateway_key",
        {end.name: ("gateway",)},
        wireguard_gateway_port=TUNNEL,
        gateway_peers_from=[f"{group[other.name].address.ip}/32"],
    )


def place(machine: Machine, end: End) -> None:
    """Makes what lies behind a gateway, with two services that answer."""
    machine.run(
        "set -e; ip netns add behind; ip link add behind0 type veth peer name eth0 netns behind; "
        f"ip address add {end.inner}/24 dev behind0; ip link set behind0 up; "
        f"ip -n behind address add {end.behind}/24 dev eth0; ip -n behind link set eth0 up; "
        f"ip -n behind link set lo up; ip -n behind route add default via {end.inner}"
    )
    for port in (VAULT, OTHER):
        machine.run(
            f"systemd-run --quiet --unit=behind-{port} --property=WorkingDirectory=/usr/share "
            f"ip netns exec behind python3 -m http.server {port} --bind {end.behind}"
        )
        machine.until(
            f"ip netns exec behind curl --silent --max-time 5 {end.behind}:{port} >/dev/null "
            "&& echo heard",
            lambda printed: "heard" in printed,
        )


@pytest.fixture(scope="module")
def site(report: Callable[[str], None]) -> Iterator[Site]:
    with running(tuple(end.name for end in ENDS), report) as group, ThreadPoolExecutor() as pool:
        prepared = list(pool.map(lambda end: prepare(group, end), ENDS))
        keys = {
            end.name: str(outcome.facts["gateway_public_key"])
            for end, outcome in zip(ENDS, prepared, strict=True)
        }
        made = Site(group, keys, [])
        made.joined = list(pool.map(lambda end: made.join(end, keys), ENDS))
        for end in ENDS:
            place(made[end], end)
        yield made


def asked(site: Site, start: End, to: End, port: int, path: str = "") -> str:
    """HTTP status of a request through the tunnel, 000 if there was no answer."""
    return site[start].run(_request(to, port, path), check=False)


def crosses(site: Site) -> None:
    """Waits until the tunnel carries what it may."""
    site[SPOKE].until(_request(HUB, VAULT, ""), lambda status: status == "200")


def _request(to: End, port: int, path: str) -> str:
    return (
        "ip netns exec behind curl --silent --output /dev/null --connect-timeout 8 "
        f"--write-out '%{{http_code}}' http://{to.behind}:{port}/{path}"
    )


@contextmanager
def without(machine: Machine, remove: str, restore: str) -> Iterator[None]:
    machine.run(remove)
    try:
        yield
    finally:
        machine.run(restore)


def test_what_may_cross_crosses_encrypted(site: Site, tmp_path: Path) -> None:
    crosses(site)
    value, capture = new_value(), tmp_path / "wire.pcap"
    with site[HUB].tapped(capture):
        assert asked(site, SPOKE, HUB, VAULT, value) == "404"
    found = list(wire.packets(capture))
    assert wire.encrypted(found, tunnel=TUNNEL) > 4, "the tunnel carried nothing"
    assert leaks(site, found, value) == []


def test_seeded_plaintext_between_the_gateways_is_seen(site: Site, tmp_path: Path) -> None:
    """A request to the other gateway itself, past the tunnel: the search must find it."""
    value, capture = new_value(), tmp_path / "wire.pcap"
    address = site[HUB].address.ip
    with site[HUB].tapped(capture):
        site[SPOKE].run(f"printf {value} >/dev/udp/{address}/{TUNNEL + 1}")
    faults = leaks(site, list(wire.packets(capture)), value)
    assert any("carries the canary" in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("start", "to", "port"), [(SPOKE, HUB, OTHER), (HUB, SPOKE, VAULT), (HUB, SPOKE, OTHER)]
)
def test_nothing_else_crosses(start: End, to: End, port: int, site: Site) -> None:
    crosses(site)
    assert asked(site, start, to, port) == "000"


def test_the_gateways_firewall_is_what_stops_it(site: Site) -> None:
    """Seeded: with the rules of both gateways gone, everything crosses."""
    restart = "systemctl restart ai-lab-site-firewall.service"
    remove = "nft delete table inet ai_lab_site"
    with without(site[HUB], remove, restart), without(site[SPOKE], remove, restart):
        assert asked(site, SPOKE, HUB, OTHER) == "200"
        assert asked(site, HUB, SPOKE, VAULT) == "200"
    assert asked(site, SPOKE, HUB, OTHER) == "000"


def test_without_the_tunnel_nothing_crosses(site: Site, tmp_path: Path) -> None:
    """It fails closed: nothing takes another way, and nothing is said in plaintext."""
    value, capture = new_value(), tmp_path / "wire.pcap"
    restore = "systemctl restart systemd-networkd.service"
    with without(site[SPOKE], f"ip link delete {PEER}", restore), site[HUB].tapped(capture):
        assert asked(site, SPOKE, HUB, VAULT, value) == "000"
    assert leaks(site, list(wire.packets(capture)), value) == []
    crosses(site)


def test_a_gateway_with_another_key_is_not_heard(site: Site) -> None:
    """Seeded: the hub expects another key than the spoke has."""
    crosses(site)
    stranger = site[HUB].run("wg genkey | wg pubkey").strip()
    own = site.keys[SPOKE.name]
    ranges = f"allowed-ips {SPOKE.behind}/32 endpoint {site[SPOKE].address.ip}:{TUNNEL}"
    swap = f"wg set {PEER} peer {{}} remove; wg set {PEER} peer {{}} {ranges}"
    with without(site[HUB], swap.format(own, stranger), swap.format(stranger, own)):
        assert asked(site, SPOKE, HUB, VAULT) == "000"
    crosses(site)


def test_private_keys_stay_on_their_gateways(site: Site) -> None:
    path = "/etc/ai-lab/wireguard/site.key"
    private = {end: site[end].run(f"cat {path}").strip() for end in ENDS}
    assert private[HUB] != private[SPOKE]
    for end, key in private.items():
        assert site[end].run(f"stat -c '%a %U:%G' {path}").strip() == "640 root:systemd-network"
        logs = [log.name for log in site.group.logs.iterdir() if key in log.read_text()]
        assert not logs, f"the private key of {end.name} is in {logs}"


def test_the_tunnel_comes_back_after_a_reboot(site: Site) -> None:
    site[SPOKE].reboot()
    place(site[SPOKE], SPOKE)
    crosses(site)
    assert asked(site, SPOKE, HUB, OTHER) == "000"


def test_a_second_run_changes_nothing(site: Site) -> None:
    for end in ENDS:
        for again in (prepare(site.group, end), site.join(end, site.keys)):
            assert again.changed == (), described(again)


def leaks(site: Site, found: list[wire.Packet], value: str) -> list[str]:
    return wire.plaintext(found, between=site.group.addresses, tunnel=TUNNEL, canary=value.encode())
