"""Times: an end that passed while nobody worked, clocks that are wrong, two operators at once."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from infra import naming
from infra.operator.process import LOST
from infra.sandbox.resource import Phase
from tests.harness.lives import EVENTS, Life, lead
from tests.harness.sandbox_lab import PATIENCE, SandboxLab
from tests.integration.operator.test_life import ready
from tests.live.support.api import eventually, say

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{naming.OPERATOR_NAMESPACE}/leases/" + (
    naming.OPERATOR
)


def gone(lab: SandboxLab, name: str) -> None:
    lab.delete(name)
    lab.until_gone(name)


def test_an_end_that_passed_while_no_operator_was_there(lab: SandboxLab) -> None:
    with lab.operator() as operator:
        status = ready(lab, "missed", ttl="3s")
        operator.kill()
    time.sleep(5)  # its life, which nobody watches
    assert status["namespace"] in lab.namespaces()
    with lab.operator():
        begun = time.monotonic()
        ended = lab.until("missed", Phase.DESTROYED)
        print(f"\ndestroyed {time.monotonic() - begun:.2f} s after there was an operator again")
        assert ended["ending"] == "Expired"
        gone(lab, "missed")


@pytest.mark.parametrize("days", [1, -1])
def test_a_wrong_clock_neither_shortens_nor_lengthens_a_life(lab: SandboxLab, days: int) -> None:
    name = f"skewed-{'ahead' if days > 0 else 'behind'}"
    entry = ("-m", "tests.harness.skewed_operator")
    with lab.operator(entry=entry, environment={"SKEW": str(days * 86400)}):
        ready(lab, name, ttl="8s")
        begun = time.monotonic()
        lab.until(name, Phase.EXPIRING)
        lived = time.monotonic() - begun
        print(f"\nlived {lived:.2f} s of 8")
        # Seconds are what the API server's time is given in; a busy machine sees its end late.
        assert lived > 6
        lab.until(name, Phase.DESTROYED)
        uid = str((lab.read(name) or {})["metadata"]["uid"])
        now = time.time()
        for record in lab.records(uid):
            assert abs(record.time.timestamp() - now) < 3600, "evidence has the right time"
        gone(lab, name)


def test_two_operators_never_do_a_step_twice(lab: SandboxLab) -> None:
    with lab.operator() as first, lab.operator(wait=False) as second:
        lives = [Life(lab, f"twice-{number}") for number in range(4)]
        lead(lab, lives, within=6 * PATIENCE)
        assert not [line for line in second.lines() if line["event"] == "leads"]
        done: Counter[Any] = Counter()
        for line in first.lines() + second.lines():
            if line["event"] == "step done" and line["step"] not in ("note", "resume"):
                done[line["sandbox"], line["step"]] += 1
        assert set(done.values()) == {1}, done
        for life in lives:
            assert [str(one.event) for one in lab.records(life.uid)] == list(EVENTS)


def test_a_clean_end_hands_over_at_once(lab: SandboxLab) -> None:
    lease = {"duration": 30, "renew": 2.0, "margin": 3.0}
    with lab.operator(lease=lease) as first, lab.operator(wait=False, lease=lease) as second:
        begun = time.monotonic()
        assert first.stop() == 0
        second.until_logged("leads")
        took = time.monotonic() - begun
        print(f"\nhanded over in {took:.2f} s")
        assert took < 20, "not by the lease's own end"


def test_a_killed_leader_is_followed(lab: SandboxLab) -> None:
    lease = {"duration": 10, "renew": 1.0, "margin": 3.0}
    with lab.operator(lease=lease) as first, lab.operator(wait=False, lease=lease) as second:
        begun = time.monotonic()
        first.kill()
        second.until_logged("leads")
        took = time.monotonic() - begun
        print(f"\nfollowed after {took:.2f} s")
        assert took < 15


def test_who_loses_the_lease_ends(lab: SandboxLab) -> None:
    with lab.operator() as operator:

        def steal() -> int:
            found = lab.api.read(LEASE)
            found["spec"] |= {"holderIdentity": "somebody else", "leaseDurationSeconds": 1}
            return lab.api.put(LEASE, found).status_code

        # The holder may renew it at the same moment.
        assert eventually(steal, until=lambda got: got == 200, within=PATIENCE) == 200
        assert operator.process.wait(PATIENCE) == LOST
        assert operator.said("lease lost")


def test_an_api_server_that_restarts_is_waited_for(lab: SandboxLab) -> None:
    with lab.operator(lease={"duration": 60, "renew": 1.0, "margin": 3.0}):
        ready(lab, "restart")
        lab.server.stop_api()
        lab.server.restart_api()
        lab.server.wait()
        answer = eventually(
            lambda: lab.api.get(LEASE), until=lambda got: got.status_code == 200, within=PATIENCE
        )
        assert answer.status_code == 200, say(answer)
        gone(lab, "restart")
