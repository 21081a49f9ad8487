"""A sandbox's network policies. Pure: rules in, NetworkPolicies out.

Everything is closed both ways; DNS, Vault (for pods that ask for it by label) and the declared
destinations are opened one by one, each with its intent. With default-deny a pod of a sandbox
reaches no other namespace, no node, no API server and no metadata service, because nothing opens
a way there. What a rule opens never includes them: they are cut out of a wide range, and a rule
that names them is refused.

One thing no NetworkPolicy closes: the node that runs a pod may reach it (the kubelet's probes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from infra import naming
from infra.cluster import manifests
from infra.cluster.manifests import Manifest
from infra.config import LINK_LOCAL, EgressRule, require_outside
from infra.errors import ConfigError


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """Addresses of the lab that decide what a sandbox may never be let out to."""

    pods: IPv4Network
    services: IPv4Network
    #: Machines of the cluster, one by one or by their subnets.
    nodes: tuple[IPv4Network, ...]
    vault: tuple[IPv4Network, ...]
    vault_port: int
    #: Pods, services and nodes on the lab's other grounds.
    elsewhere: tuple[IPv4Network, ...] = ()
    #: The machine with the lab's database.
    database: tuple[IPv4Network, ...] = ()

    def forbidden(self) -> dict[IPv4Network, str]:
        """Ranges that no rule may open, with what is there."""
        return {
            self.pods: "the pods of every namespace",
            self.services: "the services of every namespace and the API server",
            LINK_LOCAL: "the metadata services of clouds",
            **dict.fromkeys(self.database, "the lab's database"),
            **dict.fromkeys(self.nodes, "nodes of the cluster"),
            **dict.fromkeys(self.elsewhere, "another ground of the lab"),
        }


def policies(
    sandbox: str, egress: Sequence[EgressRule], facts: NetworkFacts, labels: dict[str, str]
) -> list[Manifest]:
    """Every NetworkPolicy of a sandbox; the one that closes everything comes first.

    Raises:
        ConfigError: a rule opens what must stay closed.
    """
    namespace = naming.sandbox_namespace(sandbox)
    return [
        manifests.default_deny(namespace, labels),
        manifests.allow_dns(namespace, labels),
        _allow_vault(namespace, facts, labels),
        *(
            _allow(
                number,
                rule,
                _holes(f"sandboxes.{sandbox}.egress.{number}", rule, facts),
                in_namespace=namespace,
                labels=labels,
            )
            for number, rule in enumerate(egress, start=1)
        ),
    ]


def _allow_vault(namespace: str, facts: NetworkFacts, labels: dict[str, str]) -> Manifest:
    return manifests.network_policy(
        namespace,
        "allow-secret-store",
        intent="Pods that say they are clients of Vault may log in to it with their own identity.",
        labels=labels,
        pods={naming.LABEL_SECRET_STORE: "client"},
        egress=[
            {
                "to": [{"ipBlock": {"cidr": str(range_)}} for range_ in facts.vault],
                "ports": [{"protocol": "TCP", "port": facts.vault_port}],
            }
        ],
    )


def _allow(number: int, rule: EgressRule, holes: list[IPv4Network], **common: Any) -> Manifest:
    block: dict[str, Any] = {"cidr": str(rule.cidr)}
    if holes:
        block["except"] = [str(hole) for hole in sorted(holes)]
    return manifests.network_policy(
        name=f"allow-egress-{number}",
        intent=rule.reason,
        egress=[
            {
                "to": [{"ipBlock": block}],
                "ports": [{"protocol": rule.protocol, "port": rule.port}],
            }
        ],
        **common,
    )


def _holes(where: str, rule: EgressRule, facts: NetworkFacts) -> list[IPv4Network]:
    """What has to be cut out of a rule. Two ranges never overlap but one lies in the other."""
    try:
        require_outside(where, rule, facts.forbidden())
    except ValueError as error:
        raise ConfigError(
            f"{error}.",
            next_step="name a destination outside the lab, or take the rule out; what one "
            "sandbox has for another goes through the lab's storage.",
        ) from error
    return [closed for closed in facts.forbidden() if closed.subnet_of(rule.cidr)]
