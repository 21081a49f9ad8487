"""The lab's bridge on the host: machines' network, with the host as gateway but not as router.

Nothing is forwarded or translated, so a machine reaches the other machines and the host, and
no further: the lab's machines are air-gapped by construction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from infra.errors import AddressTaken
from infra.hosts.commands import run


def links() -> list[str]:
    """Names of all links of the host."""
    return [link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show"]))]


def taken(network: IPv4Network, *, own_bridge: str) -> list[str]:
    """Links and routes of the host, the lab's own left out, whose addresses overlap `network`."""
    found = []
    for link in json.loads(run(["ip", "-json", "-4", "address", "show"])):
        for address in link.get("addr_info", []):
            range_ = IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
            if link["ifname"] != own_bridge and range_.overlaps(network):
                found.append(f"{link['ifname']} has {address['local']}/{address['prefixlen']}")
    for route in json.loads(run(["ip", "-json", "-4", "route", "show"])):
        if route.get("dst") in (None, "default") or route.get("dev") == own_bridge:
            continue
        if IPv4Network(route["dst"], strict=False).overlaps(network):
            found.append(f"route {route['dst']} by {route.get('dev')}")
    return found


def make_bridge(name: str, gateway: IPv4Address, network: IPv4Network) -> None:
    """Makes the bridge with the gateway's address, or finds it made.

    Raises:
        AddressTaken: another link or route of the host overlaps the network.
    """
    overlaps = taken(network, own_bridge=name)
    if overlaps:
        raise AddressTaken(
            f"{network} is in use on this host: {'; '.join(overlaps)}.",
            next_step="choose another network.machines in the stack's configuration.",
        )
    if name not in links():
        # Several machines are made at once; whoever comes second finds the bridge there.
        run(["ip", "link", "add", name, "type", "bridge", "stp_state", "0"], check=False)
    run(["ip", "address", "replace", f"{gateway}/{network.prefixlen}", "dev", name])
    run(["ip", "link", "set", name, "up"])


def remove_bridge(name: str) -> bool:
    """Removes the bridge if no machine is on it any more; returns whether it is gone."""
    if name not in links():
        return True
    if ports(name):
        return False
    remove_link(name)
    return name not in links()


def remove_link(name: str) -> None:
    """Removes a link by its name or its alternative (long) name. Gone already is fine."""
    run(["ip", "link", "delete", name], check=False)


def ports(bridge: str) -> list[str]:
    """Links that are plugged into the bridge."""
    shown = json.loads(run(["ip", "-json", "link", "show", "master", bridge]) or "[]")
    return [link["ifname"] for link in shown if link]


def bridges(prefix: str) -> Iterable[str]:
    return [link for link in links() if link.startswith(prefix)]
