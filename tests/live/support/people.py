"""`lab sandbox` as people run it, and what of theirs must be worth nothing afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.config import SandboxService
from infra.naming import SANDBOX_SERVICE_ACCOUNT, VAULT_AUDIENCE
from tests.live.support import operations, probes
from tests.live.support.lab import Lab
from tests.live.support.operations import Done

#: Where a pod of a sandbox finds its token for Vault.
TOKEN = "/var/run/secrets/vault/token"


@dataclass(frozen=True, slots=True)
class People:
    """Four eyes and an officer: users that the configuration names."""

    requester: str
    approver: str
    officer: str


def of(service: SandboxService) -> People:
    """A requester, somebody else who may approve, and an officer."""
    requester = service.requesters.users[0]
    approver = next(name for name in service.approvers.users if name != requester)
    return People(requester, approver, service.security_officers.users[0])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the command line; `--as` is what the local lab has instead of logins."""

    lab: Lab
    name: str

    def tries(self, *words: str) -> Done:
        """Runs `lab sandbox`, however it ends. Words after `--` are the last."""
        command, *rest = words
        own = ["--as", self.name, "--stack", self.lab.stack]
        return operations.lab("sandbox", command, *own, *rest)

    def does(self, *words: str) -> str:
        """Runs `lab sandbox`, which must do it; what it printed."""
        done = self.tries(*words)
        assert done.status == 0, (
            f"`lab sandbox {' '.join(words)}` by {self.name} ended with {done.status}: {done.told}"
        )
        return done.output

    def sees(self, name: str) -> dict[str, Any]:
        """One sandbox, as `show --json` tells."""
        found: dict[str, Any] = json.loads(self.does("show", name, "--json"))
        return found


def program(name: str, namespace: str) -> dict[str, Any]:
    """A pod that does nothing and has a token for Vault, as the docs of sandboxes say."""
    made = probes.pod(name, namespace, ["sleep", "3600"])
    made["spec"]["serviceAccountName"] = SANDBOX_SERVICE_ACCOUNT
    source = {
        "serviceAccountToken": {
            "path": Path(TOKEN).name,
            "audience": VAULT_AUDIENCE,
            "expirationSeconds": 600,
        }
    }
    made["spec"]["volumes"] = [{"name": "vault", "projected": {"sources": [source]}}]
    mount = {"name": "vault", "mountPath": str(Path(TOKEN).parent), "readOnly": True}
    made["spec"]["containers"][0]["volumeMounts"] = [mount]
    return made
