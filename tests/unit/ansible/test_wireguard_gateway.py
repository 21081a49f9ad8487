"""What the role wireguard_gateway writes: only the named flows cross, and only between grounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import jinja2
import pytest
import yaml

from infra.paths import REPOSITORY

ROLE = REPOSITORY / "ansible" / "roles" / "wireguard_gateway"
PEER: dict[str, Any] = {
    "name": "cloud",
    "public_key": "cGVlcg==",
    "endpoint": "198.51.100.7",
    "port": 51821,
    "ranges": ["10.80.64.0/18", "10.80.0.0/18"],
}
FLOW: dict[str, Any] = {
    "from": ["10.80.0.0/18"],
    "to": ["10.71.0.30/32", "10.71.0.31/32"],
    "ports": [8200],
    "reason": "Sandboxes log in.",
}


def render(template: str, **changes: Any) -> str:
    """A template of the role with its defaults, as Ansible would."""
    environment = jinja2.Environment(  # noqa: S701 - configuration files, not web pages
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
    )
    environment.filters["flatten"] = lambda lists: [item for one in lists for item in one]
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    variables = {
        **defaults,
        "lab_address": "10.71.0.5",
        "wireguard_gateway_public_key": "b3du",
        "wireguard_gateway_peers": [PEER],
        "wireguard_gateway_flows": [FLOW],
        "wireguard_gateway_ranges": ["10.80.64.0/18", "10.80.0.0/18"],
        "wireguard_gateway_address": "10.71.0.5",
    }
    return environment.get_template(template).render({**variables, **changes})


def faults(text: str) -> Iterator[str]:
    """What is wrong with a rule set for the tunnel."""
    if "hook forward" not in text or "policy drop;" not in text:
        yield "what is not named passes"
    for line in text.splitlines():
        rule = line.strip()
        if not rule.endswith('accept comment "Sandboxes log in."'):
            if rule.endswith("accept") and rule != "ct state established,related accept":
                yield f"passes without a reason: {rule}"
            continue
        into = 'iifname "wg-site" oifname != "wg-site"'
        out = 'iifname != "wg-site" oifname "wg-site"'
        if not rule.startswith((into, out)):
            yield f"not across the tunnel: {rule}"
        if "ip saddr { 10.80.0.0/18 }" not in rule:
            yield f"from anybody: {rule}"
        if "ip daddr { 10.71.0.30/32, 10.71.0.31/32 } tcp dport { 8200 }" not in rule:
            yield f"to anything: {rule}"


def test_only_what_is_named_crosses() -> None:
    text = render("site.nft.j2")
    assert not list(faults(text))
    assert text.count("Sandboxes log in.") == 2
    assert not list(faults(render("site.nft.j2", wireguard_gateway_flows=[])))


@pytest.mark.parametrize(
    "mutant",
    [
        lambda text: text.replace("policy drop", "policy accept"),
        lambda text: text.replace('iifname "wg-site" ', ""),
        lambda text: text.replace("ip saddr { 10.80.0.0/18 } ", ""),
        lambda text: text.replace("dport { 8200 }", "dport { 22 }"),
        lambda text: text.replace("ct state invalid drop", "accept"),
    ],
    ids=["open", "any-way", "anybody", "another-port", "everything"],
)
def test_a_looser_rule_is_found(mutant: Callable[[str], str]) -> None:
    text = render("site.nft.j2")
    assert mutant(text) != text
    assert list(faults(mutant(text)))


def test_the_tunnel_knows_each_end_by_its_key_and_takes_only_its_ranges() -> None:
    text = render("site.netdev.j2")
    assert "PrivateKeyFile=/etc/ai-lab/wireguard/site.key" in text
    assert "PrivateKey=" not in text
    peer = text.split("[WireGuardPeer]")[1]
    assert "PublicKey=cGVlcg==" in peer
    assert "AllowedIPs=10.80.0.0/18,10.80.64.0/18" in peer
    assert "Endpoint=198.51.100.7:51821" in peer
    assert "PersistentKeepalive=25" in peer


def test_another_key_of_its_own_makes_the_device_anew() -> None:
    """The key stands in a file of its own, so the device's file must change with it."""
    before = render("site.netdev.j2")
    assert render("site.netdev.j2", wireguard_gateway_public_key="bmV3") != before


def test_a_gateway_without_peers_is_a_tunnel_to_nowhere() -> None:
    text = render("site.netdev.j2", wireguard_gateway_peers=[])
    assert "[WireGuardPeer]" not in text
    assert "[Route]" not in render("site.network.j2", wireguard_gateway_peers=[])


def test_routes_lead_to_the_other_grounds_ranges_and_nowhere_else() -> None:
    destinations = re.findall(r"Destination=(\S+)", render("site.network.j2"))
    assert destinations == sorted(PEER["ranges"])
    unit = render("site-routes.service.j2")
    assert re.findall(r"ExecStart=/usr/sbin/ip route replace (\S+) via (\S+)", unit) == [
        ("10.80.0.0/18", "10.71.0.5"),
        ("10.80.64.0/18", "10.71.0.5"),
    ]


def test_the_private_key_never_leaves_the_machine() -> None:
    """It is made there once, unreadable for others, and only its public half is reported."""
    tasks = yaml.safe_load((ROLE / "tasks" / "key.yml").read_text())
    script = next(task for task in tasks if "ansible.builtin.command" in task)
    text = script["ansible.builtin.command"]["argv"][-1]
    assert "umask 027" in text
    assert "if [ ! -s site.key ]" in text
    assert "cat" not in text
    reported = next(task for task in tasks if "ansible.builtin.set_stats" in task)
    facts = reported["ansible.builtin.set_stats"]["data"]["facts"]
    assert list(facts) == ["gateway_public_key"]
    everything = "".join(file.read_text() for file in (ROLE / "tasks").iterdir())
    assert "slurp" not in everything
    assert "fetch" not in everything
