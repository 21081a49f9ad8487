"""The tunnel between the grounds of a hybrid lab: gateways on machines that answer over SSH.

Each gateway makes its own key, and only public keys travel: first every gateway reports its own,
then each learns those of the others. The primary ground's gateway is the hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.hosts.plan import HostsArgs, Plan
from infra.provider import sdk

_ROLE = "gateway"


@dataclass(frozen=True, slots=True)
class GatewayArgs:
    """One end. `hosts` knows the machine (role `gateway`) and the way to it; `endpoint` is its
    public address, `callers` are those of the other ends, `ranges` is what lies behind it for
    them (CIDR).
    """

    ground: str
    hosts: HostsArgs
    endpoint: pulumi.Input[str]
    port: int
    callers: Sequence[pulumi.Input[str]]
    ranges: Sequence[str]


@dataclass(frozen=True, slots=True)
class Flow:
    """What may cross the tunnel (CIDR, TCP), and why. Everything else may not."""

    sources: Sequence[str]
    destinations: Sequence[str]
    port: int
    reason: str

    def variables(self) -> dict[str, Any]:
        return {
            "from": list(self.sources),
            "to": list(self.destinations),
            "protocol": "tcp",
            "ports": [self.port],
            "reason": self.reason,
        }


class Gateway(pulumi.ComponentResource):
    """A gateway that is hardened and has its key; `join` connects it."""

    public_key: pulumi.Output[str]

    def __init__(self, args: GatewayArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:hosts:Gateway", args.ground, {}, opts)
        self.args = args
        self._plan = Plan(args.hosts, self)
        self._machine = args.hosts.with_role(_ROLE)[0]
        self._key = self._run("gateway_key", [], {"gateway_peers_from": list(args.callers)})
        self.public_key = self._key.facts.apply(lambda facts: str(facts["gateway_public_key"]))
        self.register_outputs({})

    def join(self, others: Sequence[Gateway], flows: Sequence[Flow]) -> sdk.Playbook:
        """Declares the tunnel to these gateways, and what may cross it here."""
        peers = [
            {
                "name": other.args.ground,
                "public_key": other.public_key,
                "endpoint": other.args.endpoint,
                "port": other.args.port,
                "ranges": list(other.args.ranges),
            }
            for other in others
        ]
        variables = {
            "wireguard_gateway_public_key": self.public_key,
            "wireguard_gateway_peers": peers,
            "wireguard_gateway_flows": [flow.variables() for flow in flows],
        }
        return self._run("gateway", [self._key], variables)

    def _run(
        self, playbook: str, after: Sequence[pulumi.Resource], variables: dict[str, Any]
    ) -> sdk.Playbook:
        return self._plan.run(
            playbook,
            name=f"{self.args.ground}/{playbook}",
            roles=(_ROLE,),
            goes_with=self._machine,
            after=after,
            variables={"wireguard_gateway_port": self.args.port, **variables},
        )


def tunnels(
    hub: Gateway, spokes: Sequence[Gateway], flows: Sequence[Flow]
) -> dict[str, sdk.Playbook]:
    """Joins every spoke to the hub, and the hub to all; returns what must be done, by ground."""
    joined = {spoke.args.ground: spoke.join([hub], flows) for spoke in spokes}
    return {hub.args.ground: hub.join(spokes, flows), **joined}
