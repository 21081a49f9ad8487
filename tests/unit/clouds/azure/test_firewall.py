"""Which subnet may talk to which."""

from __future__ import annotations

from ipaddress import IPv4Network

from infra.clouds.azure import firewall
from infra.config.grounds.azure import AzureNetwork

NETWORK = AzureNetwork()
ENGINEERS = [IPv4Network("10.9.0.0/24")]
NEIGHBOUR = IPv4Network("10.50.0.0/16")


def openings(rules: list[firewall.Rule], direction: str) -> dict[str, set[str]]:
    """Ports by peer."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        if rule.direction == direction:
            for peer in rule.peers:
                found.setdefault(peer, set()).update(rule.ports)
    return found


def test_subnets_are_shares_that_do_not_overlap() -> None:
    subnets = [
        NETWORK.nodes,
        NETWORK.vault,
        NETWORK.endpoints,
        NETWORK.api_server,
        NETWORK.gateway,
    ]
    assert all(subnet.subnet_of(NETWORK.vnet) for subnet in subnets)
    for index, one in enumerate(subnets):
        assert not any(one.overlaps(other) for other in subnets[index + 1 :])


def test_nodes_get_to_nothing_but_their_cluster_vault_and_endpoints() -> None:
    out = openings(firewall.nodes(NETWORK, ()), "Outbound")
    assert out == {
        str(NETWORK.nodes): {"0-65535"},
        str(NETWORK.pods): {"0-65535"},
        str(NETWORK.api_server): {"443", "4443"},
        str(NETWORK.endpoints): {"443", "5432"},
        str(NETWORK.vault): {"8200"},
    }


def test_vault_gets_to_its_peers_and_its_key_only() -> None:
    out = openings(firewall.vault(NETWORK, ENGINEERS, ()), "Outbound")
    assert out == {
        str(NETWORK.vault): {"8200", "8201", "51820", "*"},
        str(NETWORK.endpoints): {"443"},
    }


def test_endpoints_never_ask() -> None:
    assert openings(firewall.endpoints(NETWORK, ENGINEERS), "Outbound") == {}


def test_engineers_get_in_where_they_work() -> None:
    engineer = str(ENGINEERS[0])
    assert openings(firewall.vault(NETWORK, ENGINEERS, ()), "Inbound")[engineer] == {"22", "8200"}
    assert openings(firewall.api_server(NETWORK, ENGINEERS), "Inbound")[engineer] == {"443"}
    assert engineer not in openings(firewall.nodes(NETWORK, ()), "Inbound")


def test_a_joined_ground_reaches_vault_and_nothing_else() -> None:
    assert openings(firewall.vault(NETWORK, ENGINEERS, [NEIGHBOUR]), "Inbound")[str(NEIGHBOUR)] == {
        "8200"
    }
    assert openings(firewall.nodes(NETWORK, [NEIGHBOUR]), "Outbound")[str(NEIGHBOUR)] == {"8200"}
    assert str(NEIGHBOUR) not in openings(firewall.nodes(NETWORK, [NEIGHBOUR]), "Inbound")
