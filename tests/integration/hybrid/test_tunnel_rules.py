"""What crosses a gateway, seen with packets: three network namespaces and the role's own rules.

A plain link stands in for the tunnel (it is called as the tunnel is); WireGuard itself is not
needed to see what the gateway passes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ansible.test_wireguard_gateway import render

CLOUD, HOME = "10.80.0.7", "10.71.0.30"
FLOW = {
    "from": ["10.80.0.0/18"],
    "to": [f"{HOME}/32"],
    "ports": [8200],
    "reason": "Sandboxes log in.",
}
#: Listens on a port and greets, for as long as it is let.
_SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"greeting")
    connection.close()
"""
_CLIENT = """
import socket, sys
source = (sys.argv[3], 0)
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2, source) as connection:
    sys.exit(0 if connection.recv(8) == b"greeting" else 1)
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Grounds:
    """Namespaces `cloud`, `gateway` and `home` in a row, each with its own prefix of a name."""

    def __init__(self, prefix: str) -> None:
        self.names = {name: f"{prefix}-{name}" for name in ("cloud", "gateway", "home")}
        self.servers: list[subprocess.Popen[bytes]] = []

    def make(self) -> None:
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self._link("cloud", CLOUD, "wg-site", "10.80.0.1")
        self._link("home", HOME, "inside", "10.71.0.1")
        # Somebody else behind the tunnel, whom no flow names.
        ip("-n", self.names["cloud"], "address", "add", "10.99.0.7/32", "dev", "lo")
        ip("-n", self.names["gateway"], "route", "add", "10.99.0.7/32", "via", CLOUD)
        self.run("gateway", "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _link(self, end: str, address: str, device: str, gateway: str) -> None:
        ip(
            "link", "add", "outside", "netns", self.names[end],
            "type", "veth", "peer", "name", device, "netns", self.names["gateway"],
        )  # fmt: skip
        for name, dev, own in ((end, "outside", address), ("gateway", device, gateway)):
            ip("-n", self.names[name], "address", "add", f"{own}/24", "dev", dev)
            ip("-n", self.names[name], "link", "set", dev, "up")
        ip("-n", self.names[end], "route", "add", "default", "via", gateway)

    def run(self, where: str, *command: str) -> int:
        words = ["ip", "netns", "exec", self.names[where], *command]
        return subprocess.run(words, capture_output=True, check=False).returncode

    def serve(self, where: str, address: str, port: int) -> None:
        words = ["ip", "netns", "exec", self.names[where], sys.executable, "-c", _SERVER]
        process = subprocess.Popen([*words, address, str(port)], stdout=subprocess.PIPE)
        self.servers.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"

    def reaches(self, where: str, address: str, port: int, source: str) -> bool:
        code = self.run(where, sys.executable, "-c", _CLIENT, address, str(port), source)
        return code == 0

    def load(self, rules: Path) -> None:
        assert self.run("gateway", "nft", "--file", str(rules)) == 0

    def remove(self) -> None:
        for process in self.servers:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    found = Grounds(f"lab-test-{os.getpid()}")
    try:
        found.make()
        for address, port in ((HOME, 8200), (HOME, 22)):
            found.serve("home", address, port)
        found.serve("cloud", CLOUD, 8200)
        yield found
    finally:
        found.remove()


#: From where, to whom, which port, as whom; and whether that is a flow.
WAYS = {
    "a login": ("cloud", HOME, 8200, CLOUD, True),
    "another port": ("cloud", HOME, 22, CLOUD, False),
    "another caller": ("cloud", HOME, 8200, "10.99.0.7", False),
    "the other way": ("home", CLOUD, 8200, HOME, False),
}


def seen(grounds: Grounds) -> dict[str, bool]:
    return {name: grounds.reaches(*way[:4]) for name, way in WAYS.items()}


def test_without_rules_everything_passes(grounds: Grounds) -> None:
    """Else the next test would prove nothing."""
    grounds.run("gateway", "nft", "flush", "ruleset")
    assert all(seen(grounds).values())


def test_only_logins_cross(grounds: Grounds, tmp_path: Path) -> None:
    rules = tmp_path / "site.nft"
    rules.write_text(render("site.nft.j2", wireguard_gateway_flows=[FLOW]))
    grounds.load(rules)
    assert seen(grounds) == {name: way[4] for name, way in WAYS.items()}
    grounds.load(rules)
    assert seen(grounds)["a login"], "loading the rules again changes nothing"


def test_without_flows_nothing_crosses(grounds: Grounds, tmp_path: Path) -> None:
    rules = tmp_path / "site.nft"
    rules.write_text(render("site.nft.j2", wireguard_gateway_flows=[]))
    grounds.load(rules)
    assert not any(seen(grounds).values())
