"""The bridge, with the host's `ip` played by a table of answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

import pytest

from infra.errors import AddressTaken
from infra.hosts import network

NETWORK = IPv4Network("10.71.0.0/24")


class Host:
    """Answers `ip -json` and writes down what is changed."""

    def __init__(self) -> None:
        self.links = ["lo", "eth0"]
        self.ports: list[str] = []
        self.addresses = [
            {"ifname": "eth0", "addr_info": [{"local": "192.168.1.5", "prefixlen": 24}]}
        ]
        self.routes: list[dict[str, str]] = [{"dst": "default", "dev": "eth0"}]
        self.changes: list[str] = []

    def run(self, command: Sequence[str], *, check: bool = True) -> str:
        words = " ".join(command)
        if words == "ip -json link show":
            return json.dumps([{"ifname": name} for name in self.links])
        if words.startswith("ip -json link show master"):
            return json.dumps([{"ifname": name} for name in self.ports])
        if words == "ip -json -4 address show":
            return json.dumps(self.addresses)
        if words == "ip -json -4 route show":
            return json.dumps(self.routes)
        self.changes.append(words)
        if words.startswith("ip link add"):
            self.links.append(command[3])
        if words.startswith("ip link delete"):
            self.links.remove(command[3])
        return ""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(network, "run", host.run)
    return host


def test_the_bridge_is_made_once_and_raised(host: Host) -> None:
    network.make_bridge("lab-x", IPv4Address("10.71.0.1"), NETWORK)
    assert host.changes[0].startswith("ip link add lab-x type bridge")
    host.changes.clear()
    network.make_bridge("lab-x", IPv4Address("10.71.0.1"), NETWORK)
    assert host.changes == [
        "ip address replace 10.71.0.1/24 dev lab-x",
        "ip link set lab-x up",
    ]


def test_an_overlapping_address_is_refused_before_anything_is_made(host: Host) -> None:
    host.addresses.append(
        {"ifname": "eth1", "addr_info": [{"local": "10.71.0.77", "prefixlen": 16}]}
    )
    with pytest.raises(AddressTaken, match=r"eth1 has 10\.71\.0\.77/16"):
        network.make_bridge("lab-x", IPv4Address("10.71.0.1"), NETWORK)
    assert host.changes == []


def test_an_overlapping_route_is_refused_but_not_the_own_one(host: Host) -> None:
    host.routes.append({"dst": "10.71.0.0/24", "dev": "lab-x"})
    assert network.taken(NETWORK, own_bridge="lab-x") == []
    host.routes.append({"dst": "10.0.0.0/8", "dev": "tun0"})
    assert network.taken(NETWORK, own_bridge="lab-x") == ["route 10.0.0.0/8 by tun0"]


def test_a_bridge_in_use_stays(host: Host) -> None:
    host.links.append("lab-x")
    host.ports = ["vb-m1"]
    assert not network.remove_bridge("lab-x")
    host.ports = []
    assert network.remove_bridge("lab-x")
    assert network.remove_bridge("lab-x"), "gone already is fine"
    assert list(network.bridges("lab-")) == []
