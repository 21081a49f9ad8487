"""Flow logs: who tried what on the network, the denied attempts above all."""

from __future__ import annotations

import json

import pytest

from tests.live.support.facts import Facts
from tests.live.support.isolation import Run
from tests.live.support.lab import Lab
from tests.live.support.machines import Host

_HUBBLE = (
    "nsenter --target $(pgrep -x -o cilium-agent) --mount "
    "hubble observe --server unix:///var/run/cilium/hubble.sock --output jsonpb --last 200"
)


def flows(host: Host, options: str) -> list[dict[str, object]]:
    """Flows that Hubble of this node remembers."""
    result = host.run(f"{_HUBBLE} {options}")
    assert result.rc == 0, (
        f"Hubble does not answer on {host.backend.get_hostname()}: {result.stderr.strip()[:200]}. "
        "hubble.enabled must be true in Cilium's Helm values."
    )
    return [json.loads(line)["flow"] for line in result.stdout.splitlines() if '"flow"' in line]


@pytest.mark.check(id="cluster.flows.denied", area="cluster")
def test_a_denied_attempt_is_seen(isolation_run: Run, facts: dict[str, Facts], lab: Lab) -> None:
    """Of the very attempts that the isolation probes just made."""
    client = next(n for n in isolation_run.addresses if n.startswith("probe-client"))
    pod = f"{isolation_run.sandbox}/{client}"
    found = flows(facts[lab.worker.name].host, f"--verdict DROPPED --from-pod {pod}")
    assert found, (
        f"Hubble saw none of the denied attempts of {pod}: nobody would notice an attack. "
        "hubble.enabled must be true in Cilium's Helm values."
    )
    reasons = {str(flow.get("drop_reason_desc")) for flow in found}
    assert "POLICY_DENIED" in reasons, f"Hubble saw drops for {reasons} only, none by policy."


@pytest.mark.check(id="cluster.flows.allowed", area="cluster")
def test_an_allowed_flow_is_seen(isolation_run: Run, facts: dict[str, Facts], lab: Lab) -> None:
    control = next(n for n in isolation_run.addresses if n.startswith("probe-control"))
    pod = f"{isolation_run.beside}/{control}"
    found = flows(facts[lab.worker.name].host, f"--verdict FORWARDED --from-pod {pod}")
    assert found, f"Hubble saw nothing of {pod}, which did get through."
