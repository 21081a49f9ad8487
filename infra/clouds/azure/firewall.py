"""Which subnet may talk to which: network security groups that close everything else, both ways.

Pure: from addresses to rules. Azure's own default rules let everything inside the network, and
everything out; the last rule of each group here overrules them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from infra.config.grounds.azure import AzureNetwork

Direction = Literal["Inbound", "Outbound"]
#: Azure's own load balancers and their health probes.
LOAD_BALANCER = "AzureLoadBalancer"
#: Where pods get their service account keys, Vault's clients log in, and so on (TCP).
HTTPS, SSH, POSTGRESQL, VAULT, VAULT_CLUSTER = "443", "22", "5432", "8200", "8201"
#: AKS: from nodes to the API server, and from its load balancer (API Server VNet Integration).
API_TUNNEL, API_PROBE = "4443", "9988"
#: UDP; what the role wireguard listens on.
WIREGUARD = "51820"


@dataclass(frozen=True, slots=True)
class Rule:
    """One opening. `peers` are ranges or one service tag; `ports` are TCP unless `protocol` says
    otherwise.
    """

    name: str
    direction: Direction
    peers: tuple[str, ...]
    ports: tuple[str, ...]
    protocol: Literal["Tcp", "Udp", "Icmp", "*"] = "Tcp"


def _ranges(*ranges: IPv4Network) -> tuple[str, ...]:
    return tuple(str(range_) for range_ in ranges)


def nodes(network: AzureNetwork, neighbours: Sequence[IPv4Network]) -> list[Rule]:
    """Nodes and pods: among themselves, with the API server, and to Vault and private endpoints.

    Between nodes, pods have their own addresses (overlay). `neighbours` are joined networks whose
    Vault the pods use.
    """
    cluster, api_server = _ranges(network.nodes, network.pods), _ranges(network.api_server)
    every = ("0-65535",)
    return [
        Rule("cluster-in", "Inbound", cluster, every, "*"),
        Rule("api-server-in", "Inbound", api_server, every),
        Rule("load-balancer-in", "Inbound", (LOAD_BALANCER,), every),
        Rule("cluster-out", "Outbound", cluster, every, "*"),
        Rule("api-server-out", "Outbound", api_server, (HTTPS, API_TUNNEL)),
        Rule("endpoints-out", "Outbound", _ranges(network.endpoints), (HTTPS, POSTGRESQL)),
        Rule("vault-out", "Outbound", _ranges(network.vault, *neighbours), (VAULT,)),
    ]


def api_server(network: AzureNetwork, administration: Sequence[IPv4Network]) -> list[Rule]:
    """The API server: asked by nodes and engineers; asks kubelets, webhooks and its key's vault."""
    cluster, own = _ranges(network.nodes, network.pods), _ranges(network.api_server)
    every = ("0-65535",)
    return [
        Rule("nodes-in", "Inbound", cluster, (HTTPS, API_TUNNEL)),
        Rule("administration-in", "Inbound", _ranges(*administration), (HTTPS,)),
        Rule("load-balancer-in", "Inbound", (LOAD_BALANCER,), (API_PROBE,)),
        Rule("own-in", "Inbound", own, every),
        Rule("nodes-out", "Outbound", cluster, every),
        Rule("endpoints-out", "Outbound", _ranges(network.endpoints), (HTTPS,)),
        Rule("own-out", "Outbound", own, every),
    ]


def vault(
    network: AzureNetwork,
    administration: Sequence[IPv4Network],
    neighbours: Sequence[IPv4Network],
) -> list[Rule]:
    """Vault's machines: each other, their key's vault, and whoever logs in."""
    own = _ranges(network.vault)
    return [
        Rule("peers-in", "Inbound", own, (VAULT, VAULT_CLUSTER)),
        Rule("peers-wireguard-in", "Inbound", own, (WIREGUARD,), "Udp"),
        Rule("peers-ping-in", "Inbound", own, ("*",), "Icmp"),
        Rule("clients-in", "Inbound", _ranges(network.nodes, *neighbours), (VAULT,)),
        Rule("administration-in", "Inbound", _ranges(*administration), (SSH, VAULT)),
        Rule("load-balancer-in", "Inbound", (LOAD_BALANCER,), (VAULT,)),
        Rule("peers-out", "Outbound", own, (VAULT, VAULT_CLUSTER)),
        Rule("peers-wireguard-out", "Outbound", own, (WIREGUARD,), "Udp"),
        Rule("peers-ping-out", "Outbound", own, ("*",), "Icmp"),
        Rule("endpoints-out", "Outbound", _ranges(network.endpoints), (HTTPS,)),
    ]


def endpoints(network: AzureNetwork, administration: Sequence[IPv4Network]) -> list[Rule]:
    """Private endpoints are asked and never ask."""
    return [
        Rule("nodes-in", "Inbound", _ranges(network.nodes), (HTTPS, POSTGRESQL)),
        Rule("vault-in", "Inbound", _ranges(network.vault), (HTTPS,)),
        Rule("api-server-in", "Inbound", _ranges(network.api_server), (HTTPS,)),
        Rule("administration-in", "Inbound", _ranges(*administration), (HTTPS, POSTGRESQL)),
    ]
