"""What a probe tries from a sandbox of a lab, from what is known of the lab. Pure.

Everything that must be closed really listens, so that only a wall can be why nobody answers: node
ports of Kubernetes and SSH, the API server, a further port of the cluster's own DNS, Vault's and
the database's machines. Only metadata services are there in clouds alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from infra.operator.configuration import TargetSettings
from infra.sandbox.network import NetworkFacts

#: Addresses in the services' range that kubeadm gives: the API server's, and DNS'.
_API_SERVER, _DNS = 1, 10
_METADATA = "169.254.169.254"
_SSH, _KUBELET, _KUBERNETES, _DATABASE = 22, 10250, 6443, 5432
#: CoreDNS' metrics: a service of another namespace, reached where only questions are allowed.
_DNS_METRICS = 9153
#: Nodes that are tried; walls are the same for all.
_MOST_NODES = 6


def targets(facts: NetworkFacts) -> tuple[TargetSettings, ...]:
    """Two controls that must be open, and what must be closed."""
    return (*_controls(facts), *_walls(facts))


def _controls(facts: NetworkFacts) -> Iterator[TargetSettings]:
    yield TargetSettings(
        id="dns", kind="dns", must_be="open", to="kubernetes.default.svc.cluster.local"
    )
    for number, vault in enumerate(_single(facts.vault)[:1], start=1):
        yield _tcp(f"vault-{number}", vault, facts.vault_port, must_be="open")


def _walls(facts: NetworkFacts) -> Iterator[TargetSettings]:
    yield _tcp("api-server", str(facts.services[_API_SERVER]), 443)
    yield _tcp("dns-metrics", str(facts.services[_DNS]), _DNS_METRICS)
    yield _tcp("metadata", _METADATA, 80)
    for number, node in enumerate(_single(facts.nodes)[:_MOST_NODES], start=1):
        for port in (_SSH, _KUBERNETES, _KUBELET):
            yield _tcp(f"node-{number}.{port}", node, port)
    for number, vault in enumerate(_single(facts.vault), start=1):
        yield _tcp(f"vault-{number}.{_SSH}", vault, _SSH)
    for database in _single(facts.database):
        yield _tcp("database", database, _DATABASE)


def _single(ranges: tuple[IPv4Network, ...]) -> list[str]:
    """Addresses that are known one by one; of a subnet nobody knows who listens."""
    return [str(one.network_address) for one in ranges if one.prefixlen == one.max_prefixlen]


def _tcp(id_: str, to: str, port: int, *, must_be: str = "closed") -> TargetSettings:
    return TargetSettings.model_validate({"id": id_, "must_be": must_be, "to": to, "port": port})
