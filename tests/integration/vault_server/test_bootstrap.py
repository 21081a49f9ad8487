"""The bootstrap against a real Vault."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.secrets.client import is_sealed
from tests.harness.vault_role import POLICY, setup, unseal
from tests.harness.vault_server import VaultServer

ROLE = {
    "token_policies": ["lab"],
    "token_ttl": 1800,
    "token_max_ttl": 7200,
    "token_bound_cidrs": ["127.0.0.1"],
    "secret_id_bound_cidrs": ["127.0.0.1/32"],
}


def settings(server: VaultServer, **changes: object) -> setup.Settings:
    values: dict[str, object] = {
        "state": server.folder / "state",
        "storage": server.storage,
        "service": "vault.service",
        "shares": 3,
        "threshold": 2,
        "auto_unseal": False,
        "audit_file": str(server.folder / "audit.log"),
        "policy": POLICY,
        "role": ROLE,
        "limit": 20.0,
    }
    return setup.Settings(**(values | changes))  # type: ignore[arg-type]


def bootstrap(server: VaultServer, **changes: object) -> list[str]:
    def control(action: str, _service: str) -> None:
        server.stop() if action == "stop" else server.start()

    return setup.Bootstrap(server.client(), settings(server, **changes), control).run()


@pytest.fixture
def ready(vault_server: VaultServer) -> VaultServer:
    (vault_server.folder / "state").mkdir(mode=0o700)
    return vault_server


def test_from_empty_to_usable_and_then_nothing_changes(ready: VaultServer) -> None:
    actions = bootstrap(ready)
    assert actions == [
        "initialised",
        "unsealed",
        "audit device enabled",
        "AppRole enabled",
        "policy written",
        "role written",
        "credentials made",
        "root token revoked",
    ]
    assert bootstrap(ready) == []
    stored = json.loads(settings(ready).keys.read_text())
    assert sorted(stored) == ["keys"]
    assert len(stored["keys"]) == 3
    assert {file.stat().st_mode & 0o777 for file in settings(ready).state.iterdir()} == {0o600}

    audit = Path(settings(ready).audit_file)
    assert audit.stat().st_mode & 0o777 == 0o600
    credentials = json.loads(settings(ready).credentials.read_text())
    assert credentials["secret_id"] not in audit.read_text()


def test_the_lab_may_do_its_work_but_not_reach_its_own_way_in(ready: VaultServer) -> None:
    bootstrap(ready)
    client = ready.client()
    credentials = json.loads(settings(ready).credentials.read_text())
    auth = client.request("POST", "auth/approle/login", credentials)["auth"]
    assert (auth["lease_duration"], auth["policies"]) == (1800, ["default", "lab"])
    token = auth["client_token"]

    allowed: tuple[tuple[str, str, object], ...] = (
        ("POST", "sys/mounts/transit", {"type": "transit"}),
        ("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}),
        ("POST", "sys/mounts/pki", {"type": "pki"}),
        ("POST", "sys/auth/jwt", {"type": "jwt"}),
        ("POST", "sys/auth/cert", {"type": "cert"}),
        ("POST", "sys/mounts/transit/tune", {"description": "changed"}),
        ("POST", "transit/keys/kubernetes", {}),
        ("POST", "transit/keys/kubernetes/config", {"deletion_allowed": True}),
        ("POST", "transit/keys/kubernetes/rotate", {}),
        ("POST", "kv/data/sandboxes/demo/x", {"data": {"value": "canary"}}),
        ("DELETE", "kv/metadata/sandboxes/demo/x", None),
        ("POST", "pki/root/generate/internal", {"common_name": "lab"}),
        ("POST", "pki/roles/service", {"allowed_domains": "lab"}),
        ("POST", "auth/cert/certs/kms-plugin", {"certificate": ready.ca.read_text()}),
        ("PUT", "sys/policies/acl/sandbox-demo", {"policy": POLICY}),
        ("GET", "sys/audit", None),
        ("GET", "sys/mounts", None),
        ("GET", "sys/auth", None),
        ("POST", "transit/keys/sandbox-demo", {}),
        ("DELETE", "transit/keys/kubernetes", None),
        ("DELETE", "sys/auth/jwt", None),
        ("DELETE", "sys/mounts/pki", None),
    )
    for method, path, body in allowed:
        client.request(method, path, body, token=token)
    refused: tuple[tuple[str, str, object], ...] = (
        ("POST", "transit/encrypt/sandbox-demo", {"plaintext": ""}),
        ("POST", "transit/decrypt/sandbox-demo", {"ciphertext": "vault:v1:x"}),
        ("GET", "transit/export/encryption-key/sandbox-demo", None),
        ("GET", "transit/backup/sandbox-demo", None),
        ("GET", "kv/data/sandboxes/demo/x", None),
        ("POST", "pki/issue/service", {"common_name": "lab"}),
        ("PUT", "sys/policies/acl/lab", {"policy": ""}),
        ("DELETE", "sys/policies/acl/lab", None),
        ("POST", "auth/approle/role/lab", {"token_policies": ["root"]}),
        ("POST", "auth/approle/role/lab/secret-id", {}),
        ("POST", "auth/approle/role/lab/token-policies", {"token_policies": ["x"]}),
        ("DELETE", "sys/audit/file", None),
        ("DELETE", "sys/auth/approle", None),
        ("PUT", "sys/seal", {}),
        ("POST", "auth/token/create", {"policies": ["root"]}),
        ("POST", "sys/rotate", {}),
        ("GET", "sys/storage/raft/snapshot", None),
        ("GET", "sys/raw/core/keyring", None),
    )
    for method, path, body in refused:
        with pytest.raises(unseal.VaultError, match="permission denied"):
            client.request(method, path, body, token=token)


def test_what_was_changed_by_hand_is_put_right_with_a_root_token_of_a_moment(
    ready: VaultServer,
) -> None:
    bootstrap(ready)
    changed = POLICY + '\npath "x" { capabilities = ["read"] }\n'
    assert bootstrap(ready, policy=changed) == [
        "root token made, because of: policy",
        "policy written",
        "root token revoked",
    ]
    settings(ready).credentials.unlink()
    assert bootstrap(ready, policy=changed) == [
        "root token made, because of: credentials",
        "credentials made",
        "root token revoked",
    ]
    assert bootstrap(ready, policy=changed) == []


def test_initialised_but_killed_before_the_keys_were_written(ready: VaultServer) -> None:
    ready.client().request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    with pytest.raises(unseal.SetupError, match="its keys are not in"):
        bootstrap(ready)
    settings(ready).marker.touch()
    assert bootstrap(ready)[:2] == [
        "emptied after an initialisation that was cut short",
        "initialised",
    ]
    assert bootstrap(ready) == []


def test_lost_storage_is_said_and_not_papered_over(ready: VaultServer) -> None:
    bootstrap(ready)
    ready.stop()
    for entry in ready.storage.iterdir():
        subprocess.run(["rm", "-r", str(entry)], check=True)
    ready.start()
    with pytest.raises(unseal.SetupError, match=re.escape("was lost")):
        bootstrap(ready)


def test_the_unseal_program_opens_vault_after_a_restart(
    ready: VaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap(ready)
    ready.stop()
    ready.start()
    arguments = ["--address", ready.address, "--ca-file", str(ready.ca)]
    arguments += ["--keys", str(settings(ready).keys)]
    assert unseal.main(arguments) == 0
    assert capsys.readouterr().out == "unsealed\n"
    assert unseal.main(arguments) == 0
    assert capsys.readouterr().out == "already open\n"
    assert not unseal.is_sealed(ready.client())


def test_a_sealed_vault_says_so_and_one_that_is_away_says_nothing(ready: VaultServer) -> None:
    bootstrap(ready)
    assert not is_sealed(ready.address, ready.ca)
    ready.stop()
    assert not is_sealed(ready.address, ready.ca)
    ready.start()
    assert is_sealed(ready.address, ready.ca)


def test_whoever_asks_for_the_seal_shows_no_token(
    ready: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str | bytes | None] = []
    send = requests.Session.send

    def seen(session: requests.Session, request: requests.PreparedRequest, **rest: Any) -> Any:
        shown.append(request.headers.get("X-Vault-Token"))
        return send(session, request, **rest)

    monkeypatch.setenv("VAULT_TOKEN", "canary")
    monkeypatch.setattr(requests.Session, "send", seen)
    bootstrap(ready)
    assert not is_sealed(ready.address, ready.ca)
    assert shown
    assert not any(shown)
