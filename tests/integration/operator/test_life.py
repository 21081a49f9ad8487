"""Whole lives of sandboxes, by the real process on a real API server and a real Vault."""

from __future__ import annotations

import time

from infra.sandbox.resource import Phase
from tests.harness.sandbox_lab import SandboxLab


def test_a_life(lab: SandboxLab) -> None:
    with lab.operator():
        uid = lab.request("life", ttl="5s")["metadata"]["uid"]
        lab.until("life", Phase.REQUESTED)
        begun = time.monotonic()
        lab.approve("life")
        status = lab.until("life", Phase.READY)
        print(f"approved to Ready: {time.monotonic() - begun:.3f} s")
        assert status["namespace"] in lab.namespaces()
        ended = lab.until("life", Phase.DESTROYED)
        print(f"Ready to Destroyed: {time.monotonic() - begun:.3f} s")
        assert ended["certificate"]
        assert lab.namespaces() == set()
        assert lab.in_vault() == set()
        for record in lab.records(uid):
            print(record.sequence, record.event, record.idempotency_key, record.actor.principal)
