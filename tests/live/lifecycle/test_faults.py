"""Faults during `lab up`: it waits or fails clearly, and the next `up` converges."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import pytest

from infra.hosts import machine
from tests.live.support import machines, operations, root_token
from tests.live.support.lab import Lab
from tests.live.support.vault import caller
from tests.live.support.verification import verify

pytestmark = pytest.mark.slow

PHASES = 10


def from_nothing(lab: Lab) -> None:
    done = operations.lab("destroy", "--yes", "--stack", lab.stack)
    assert done.status == 0, f"`lab destroy` ended with {done.status}: {done.told}"


def converges(lab: Lab) -> None:
    done = operations.lab("up", "--yes", "--stack", lab.stack)
    assert done.status == 0, f"the next `lab up` ended with {done.status}: {done.told}"
    after = verify(lab.stack)
    assert after.ok, f"the next `lab up` left these: {after.failed}"


@pytest.fixture(scope="module")
def whole(lab: Lab) -> float:
    """Seconds that an undisturbed `up` from nothing takes."""
    from_nothing(lab)
    done = operations.lab("up", "--yes", "--stack", lab.stack)
    assert done.status == 0, done.told
    return done.seconds


@pytest.mark.parametrize("phase", range(1, PHASES + 1))
def test_killed_at_any_phase(phase: int, lab: Lab, whole: float) -> None:
    from_nothing(lab)
    with operations.starting("up", "--yes", "--stack", lab.stack) as up:
        moment = whole * phase / (PHASES + 1)
        assert up.runs_for(moment), f"`lab up` had ended before {moment:.0f} s: {up.told}"
        up.kill()
    converges(lab)


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False


def seal_vault(lab: Lab) -> None:
    """With a token that ends by itself: a sealed Vault revokes none."""
    with root_token.made(lab) as root:
        asked = {"policies": ["root"], "ttl": "60s", "renewable": False}
        token = root.ask("POST", "auth/token/create-orphan", asked)["auth"]["client_token"]
    with caller(lab, token) as short_lived:
        short_lived.ask("PUT", "sys/seal")


def stop_api_server(lab: Lab) -> None:
    """Down for twenty seconds, then the machine's own systemd brings it back."""
    with machines.connections(lab) as hosts:
        machines.output(
            hosts[lab.control_plane.name],
            "sh",
            "-c",
            "systemctl stop kubelet && pkill -9 -x kube-apiserver; "
            "systemd-run --on-active=20 --timer-property=AccuracySec=1s systemctl start kubelet",
        )


def reboot_worker(lab: Lab) -> None:
    states = machine.list_machines(lab.home)
    machine.reboot(next(s.args for s in states if s.args.name == lab.worker.name))


def vault_is_set_up(lab: Lab) -> bool:
    """Open, and its root token already revoked."""
    if not (lab.home.vault_approle.is_file() and lab.home.vault_keys.is_file()):
        return False
    with caller(lab) as stranger:
        return stranger.call("GET", "sys/health").status_code == 200


def api_server_answers(lab: Lab) -> bool:
    return lab.home.kubeconfig.is_file() and _answers(lab.api_address)


FAULTS: dict[str, tuple[Callable[[Lab], bool], Callable[[Lab], None]]] = {
    "vault-sealed": (vault_is_set_up, seal_vault),
    "api-server-down": (api_server_answers, stop_api_server),
    "worker-rebooted": (api_server_answers, reboot_worker),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_during_up(fault: str, lab: Lab) -> None:
    moment, strike = FAULTS[fault]
    from_nothing(lab)
    with operations.starting("up", "--yes", "--stack", lab.stack) as up:
        assert up.until(lambda: moment(lab)), f"`lab up` ended before the fault: {up.told}"
        strike(lab)
        status = up.wait()
        assert status in (0, 1, 4), f"`lab up` ended with {status}: {up.told}"
        clear = re.search(r"LAB-\d{3}", up.told) and "Next:" in up.told
        assert status == 0 or clear, f"`lab up` does not say clearly what is wrong: {up.told}"
    converges(lab)


def test_a_sealed_vault_is_opened_by_up(lab: Lab) -> None:
    converges(lab)
    seal_vault(lab)
    red = verify(lab.stack, "vault.unsealed")
    assert red.names("vault.unsealed"), json.dumps(red.document)
    converges(lab)
