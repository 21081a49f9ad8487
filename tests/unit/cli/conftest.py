from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import lifecycle, preview
from infra.engine import Operation, Result
from infra.engine.events import ResourceEvent
from infra.engine.plan import Plan, Planned
from infra.hosts.cleanup import Leftovers
from infra.paths import Home

STATUS: dict[str, Any] = {
    "stack": "local",
    "lab": "local",
    "up": True,
    "machines": [
        {
            "name": "worker",
            "hostname": "local-worker",
            "address": "10.71.0.11",
            "role": "worker",
            "state": "running",
            "ssh_key": "/k",
            "known_hosts": "/h",
            "memory_bytes": 2**30,
        }
    ],
    "endpoints": [
        {"name": "vault", "url": "https://10.71.0.12:8200", "answers": True},
        {"name": "kubernetes", "url": "https://10.71.0.10:6443", "answers": False},
    ],
    "kubeconfig": "/kubeconfig",
    "sandboxes": [
        {
            "name": "demo",
            "namespace": "sandbox-demo",
            "classification": "internal",
            "principal": "demo-auditor",
            "deployed": True,
        }
    ],
    "not_applied": {
        "vault/disk_encryption": "no dm_crypt",
        "worker/disk_encryption": "no dm_crypt",
        "worker/wireguard": "no WireGuard",
    },
}
STEP = ResourceEvent("started", "update", "urn:x::lab", "ailab:vault:Policy", ("rules",))
RESULT = Result(Operation.UP, 10.0, {"create": 2, "same": 1}, (), (STEP,))
PLAN = Plan(
    (
        Planned("update", "urn:x::lab", "ailab:vault:Policy", "", changed=("rules",)),
        Planned("same", "urn:x::kept", "ailab:vault:Policy", "", protect=True),
    ),
    {"update": 1, "same": 1},
    2.0,
)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Nothing below the command line is real here."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LAB_STACK", raising=False)
    found = Leftovers((1,), (), (), ("lab-local",), ())
    report = lifecycle.UpReport(RESULT, 12.0, {"checks": 1.0}, ("a warning",))
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS)
    monkeypatch.setattr(lifecycle, "up", lambda *_, **__: report)
    monkeypatch.setattr(preview, "of_stack", lambda *_, **__: PLAN)
    monkeypatch.setattr(preview, "of_file", lambda *_, **__: PLAN)
    monkeypatch.setattr(lifecycle, "prepare", lambda *_: [])
    monkeypatch.setattr(lifecycle, "require_up", lambda _: None)
    monkeypatch.setattr(
        lifecycle, "destroy", lambda *_, **__: lifecycle.DestroyReport(found, None, 3.0)
    )
    return Home("local")


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)
