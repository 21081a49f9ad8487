"""A lab of given machines for tests of the on-prem ground."""

from __future__ import annotations

from typing import Any


def document(**changes: Any) -> dict[str, Any]:
    """Three control planes, one worker and three machines for Vault."""
    roles = {"control-plane": 3, "worker": 1, "vault": 3}
    machines = [
        {"name": f"{role}-{number}", "role": role, "address": f"10.71.0.{base + number}"}
        for base, (role, count) in zip((10, 20, 30), roles.items(), strict=True)
        for number in range(1, count + 1)
    ]
    return {
        "name": "site",
        "ground": "onprem",
        "machines": machines,
        "ssh": {"private_key": "/keys/lab", "known_hosts": "/keys/known_hosts"},
        "controller": "10.71.0.1",
        "kubernetes_endpoint": {"address": "10.71.0.5"},
        "vault_endpoint": {"address": "10.71.0.6", "router": 72},
        "time_servers": ["ntp.example.org"],
        "vault": {"seal": "transit", "seal_settings": {"address": "https://192.0.2.7:8200"}},
    } | changes
