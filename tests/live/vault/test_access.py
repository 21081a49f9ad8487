"""Who gets into Vault and how far: strangers, the lab's own role, the keys themselves."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from infra import naming
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.vault import Caller, say

#: What answers without a token, on purpose: health, and nothing of what Vault holds.
CLOSED_TO_STRANGERS = (
    "sys/mounts",
    "sys/auth",
    "sys/audit",
    "sys/policies/acl",
    "sys/metrics",
    "sys/config/state/sanitized",
    "sys/storage/raft/configuration",
    f"{naming.VAULT_TRANSIT}/keys/{naming.VAULT_KMS_KEY}",
    f"{naming.VAULT_KV}/data/anything",
    "auth/approle/role/lab/role-id",
)
#: What the lab's own role may do at most, where it must not be able to help itself.
CAPABILITIES: dict[str, set[str]] = {
    "auth/approle/role/lab": {"read"},
    "auth/approle/role/lab/secret-id": {"read"},
    "auth/token/create-orphan": set(),
    "sys/auth/approle": {"read"},
    "sys/generate-root/attempt": set(),
    "sys/policies/acl/lab": {"read"},
    "sys/raw/core/keyring": set(),
    "sys/rekey/init": set(),
    "sys/rotate": set(),
    "sys/seal": set(),
    "sys/step-down": set(),
    "sys/storage/raft/snapshot": set(),
    # It keeps the audit device on, and cannot switch it off.
    "sys/audit/file": {"create", "read", "sudo", "update"},
}
#: What is really tried as well: each does no harm, should it succeed.
ATTEMPTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "auth/token/create", {"policies": ["root"], "ttl": "1s"}),
    ("GET", "sys/raw/core/keyring", {}),
    ("GET", "sys/storage/raft/configuration", {}),
    ("GET", f"{naming.VAULT_TRANSIT}/export/encryption-key/{naming.VAULT_KMS_KEY}", {}),
)
#: Longest life of a token of the lab, in seconds.
LONGEST = 30 * 60


@pytest.mark.check(id="vault.strangers", area="vault")
@pytest.mark.parametrize("path", CLOSED_TO_STRANGERS)
def test_a_stranger_learns_nothing(path: str, stranger: Caller) -> None:
    answer = stranger.call("GET", path)
    assert answer.status_code in (400, 403, 404, 405), (
        f"Vault answers {say(answer)} to GET {path} without any token."
    )
    assert "data" not in answer.text or not answer.json().get("data"), (
        f"Vault shows {path} to anybody."
    )


@pytest.mark.check(id="vault.root-token", area="vault")
def test_there_is_no_root_token(lab: Lab, facts: dict[str, Facts], stranger: Caller) -> None:
    kept = json.loads(lab.home.vault_keys.read_text())
    assert "root_token" not in kept, (
        f"{lab.home.vault_keys} still holds Vault's root token: `./lab up` revokes and removes it."
    )
    found = facts[lab.vault.name].host.run("grep -l root_token /etc/vault.d/*.json").stdout.strip()
    assert not found, f"Vault's root token lies in {found} on {lab.vault.name}."
    started = stranger.call("GET", "sys/generate-root/attempt")
    assert not (started.is_success and started.json().get("started")), (
        "somebody has begun to make a root token: cancel with DELETE sys/generate-root/attempt."
    )


@pytest.mark.check(id="vault.approle.ttl", area="vault")
def test_the_labs_token_is_short_lived(lab_login: dict[str, Any]) -> None:
    seconds = lab_login["lease_duration"]
    assert 0 < seconds <= LONGEST, (
        f"the lab's token lives {seconds} s, not {LONGEST} at most: token_ttl of AppRole `lab`."
    )
    assert "root" not in lab_login["token_policies"], "the lab's token has Vault's policy `root`."


@pytest.mark.check(id="vault.approle.limits", area="vault")
@pytest.mark.parametrize("path", CAPABILITIES)
def test_the_lab_cannot_widen_its_rights(path: str, lab_caller: Caller) -> None:
    answer = lab_caller.ask("POST", "sys/capabilities-self", {"paths": [path]})
    beyond = set(answer["data"][path]) - CAPABILITIES[path] - {"deny"}
    assert not beyond, (
        f"the lab's own role has {', '.join(sorted(beyond))} on {path}. "
        "Narrow the policy `lab` (ansible/roles/vault_server/files/lab.hcl)."
    )


@pytest.mark.check(id="vault.approle.attempts", area="vault")
@pytest.mark.parametrize(
    ("method", "path", "body"), [pytest.param(*case, id=case[1]) for case in ATTEMPTS]
)
def test_the_lab_is_really_refused(
    method: str, path: str, body: dict[str, Any], lab_caller: Caller
) -> None:
    # Positive control: the token works at all.
    lab_caller.ask("GET", "auth/token/lookup-self")
    answer = lab_caller.call(method, path, body or None)
    assert answer.status_code in (400, 403, 404, 405), (
        f"the lab's own role may {method} {path} (Vault answered {say(answer)}). "
        "Narrow the policy `lab` (ansible/roles/vault_server/files/lab.hcl)."
    )


@pytest.mark.check(id="vault.approle.credentials", area="vault")
def test_wrong_credentials_are_refused(lab: Lab, stranger: Caller) -> None:
    role_id = json.loads(lab.home.vault_approle.read_text())["role_id"]
    answer = stranger.call(
        "POST",
        f"auth/{naming.VAULT_APPROLE}/login",
        {"role_id": role_id, "secret_id": "00000000-0000-0000-0000-000000000000"},
    )
    assert answer.status_code in (400, 403), f"a made-up secret ID was taken: {say(answer)}"


def _keys(lab: Lab) -> list[str]:
    return [
        naming.VAULT_KMS_KEY,
        *(naming.sandbox_transit_key(sandbox.name) for sandbox in lab.config.sandboxes),
    ]


@pytest.mark.check(id="vault.transit.not-exportable", area="vault")
def test_keys_never_leave_vault(lab: Lab, lab_caller: Caller) -> None:
    for name in _keys(lab):
        key = lab_caller.ask("GET", f"{naming.VAULT_TRANSIT}/keys/{name}")["data"]
        assert not key["exportable"], (
            f"the transit key {name} can be exported, which cannot be taken back: make a new key."
        )
        assert not key["allow_plaintext_backup"], (
            f"the transit key {name} can be backed up in plain, which cannot be taken back."
        )


@pytest.mark.check(id="vault.transit.kms-key-kept", area="vault")
def test_the_clusters_key_cannot_be_deleted_in_passing(lab_caller: Caller) -> None:
    path = f"{naming.VAULT_TRANSIT}/keys/{naming.VAULT_KMS_KEY}"
    assert not lab_caller.ask("GET", path)["data"]["deletion_allowed"], (
        f"{path} may be deleted, and with it everything in etcd: set deletion_allowed=false."
    )


@pytest.mark.check(id="vault.clock", area="vault")
def test_its_clock_agrees_with_ours(stranger: Caller) -> None:
    """Leases and certificates are only worth as much as the clock."""
    theirs = stranger.ask("GET", "sys/health")["server_time_utc"]
    assert abs(theirs - time.time()) < 60, f"Vault's clock is {theirs - time.time():.0f} s off."
