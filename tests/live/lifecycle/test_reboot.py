"""After a reboot of all machines everything is back by itself.

How long that took is recorded (goal: `lab verify` has passed within ninety seconds) and not
asserted: a busy host is slow, not broken.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from infra.hosts import machine
from tests.live.support import machines, takeaway
from tests.live.support.api import administrator, eventually
from tests.live.support.lab import Lab
from tests.live.support.verification import verify

#: Seconds after which a machine, Vault or the cluster counts as not coming back.
LIMIT = 300


def power_cycle(lab: Lab) -> None:
    """All machines at once, from outside."""
    states = machine.list_machines(lab.home)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda state: machine.reboot(state.args), states))


def reboot_from_inside(lab: Lab) -> None:
    """`systemctl reboot` in every machine; returns when all have booted anew."""
    with machines.connections(lab) as hosts:
        before = {name: _boot(host) for name, host in hosts.items()}
        for host in hosts.values():
            # Later than the answer: the connection would end with another status else. A timer's
            # own accuracy is a minute.
            timer = ("--on-active=1s", "--timer-property=AccuracySec=100ms")
            machines.output(host, "systemd-run", *timer, "systemctl", "reboot")

    def booted() -> bool:
        try:
            with machines.connections(lab) as hosts:
                return all(_boot(host) != before[name] for name, host in hosts.items())
        except RuntimeError:  # testinfra: SSH does not answer yet
            return False

    assert eventually(booted, until=bool, within=LIMIT, every=1), "a machine did not come back"


def _boot(host: machines.Host) -> str:
    """Changes with every boot; systemd-nspawn gives a container an id of its own."""
    return machines.output(host, "cat", "/proc/sys/kernel/random/boot_id")


def _nodes(lab: Lab) -> dict[str, tuple[str, bool]]:
    """Boot id and readiness of every node, as the kubelets last reported them."""
    with administrator(lab.home.kubeconfig, timeout=5) as api:
        nodes = api.items("/api/v1/nodes")
    return {
        node["metadata"]["name"]: (
            node["status"]["nodeInfo"]["bootID"],
            any(
                c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"]
            ),
        )
        for node in nodes
    }


def wait_for_nodes(lab: Lab, before: dict[str, tuple[str, bool]]) -> None:
    """Waits until every kubelet reports its new boot and is ready: older reports look ready too."""

    def look() -> str:
        try:
            now = _nodes(lab)
        except (httpx.TransportError, AssertionError) as error:
            return str(error) or type(error).__name__
        waiting = [name for name, (boot, _) in before.items() if now[name][0] == boot]
        waiting += [name for name, (_, ready) in now.items() if not ready]
        return f"not back: {sorted(set(waiting))}" if waiting else ""

    last = eventually(look, until=lambda found: not found, within=LIMIT, every=0.5)
    assert not last, f"the nodes are not back after {LIMIT} s: {last}"


@pytest.mark.parametrize("reboot", [power_cycle, reboot_from_inside])
def test_everything_comes_back(
    reboot: Callable[[Lab], None], up: Lab, record_property: Callable[[str, object], None]
) -> None:
    assert verify(up.stack).ok
    nodes = _nodes(up)
    begin = time.monotonic()
    reboot(up)
    takeaway.wait_for_vault(up, within=LIMIT)
    wait_for_nodes(up, nodes)
    takeaway.wait_for_cluster(up, within=LIMIT)
    ready = time.monotonic() - begin
    after = verify(up.stack)
    verified = time.monotonic() - begin
    record_property("seconds_until_ready", round(ready, 1))
    record_property("seconds_until_verified", round(verified, 1))
    sys.stdout.write(f"{reboot.__name__}: ready {ready:.0f} s, verified {verified:.0f} s after\n")
    assert after.ok, f"{verified:.0f} s after the reboot these fail: {after.failed}"
