"""What Vault lets sandboxes that were asked for do, and the operator: tried on a real Vault."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from infra import naming, toolchain
from infra.errors import VaultRefused
from infra.secrets import requested
from infra.secrets.client import Connection, ServiceAccount, Vault
from infra.secrets.requested import Mounts
from infra.secrets.sandboxes import KEY_LOST, SandboxVault
from tests.harness import vault as harness
from tests.harness.service_accounts import Signer
from tests.integration.operator.vault_attempts import VICTIM, attempts, successes

CLUSTER = Signer("https://home")


@dataclass(frozen=True)
class Ground:
    """A Vault as Pulumi prepares it, and the operator's way in."""

    server: harness.Server
    mounts: Mounts
    operator: Connection

    def login(self, role: str, namespace: str, account: str) -> requests.Response:
        return requests.post(
            f"{self.server.address}/v1/auth/{self.mounts.jwt}/login",
            json={"role": role, "jwt": CLUSTER.token(namespace, account)},
            verify=str(self.server.ca),
            timeout=10,
        )

    def token(self, role: str, namespace: str, account: str) -> str:
        answer = self.login(role, namespace, account)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["auth"]["client_token"])

    def ask(self, token: str, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(
            method,
            f"{self.server.address}/v1/{path}",
            json=body,
            headers={"X-Vault-Token": token},
            verify=str(self.server.ca),
            timeout=10,
        )


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("vault")
    with harness.running(toolchain.binary("vault"), folder) as server:
        server.api("POST", "sys/mounts/transit", {"type": "transit"})
        server.api("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        server.api("POST", "sys/auth/jwt", {"type": "jwt"})
        mounts = Mounts(server.api("GET", "sys/auth")["data"]["jwt/"]["accessor"])
        _prepare(server, mounts, requested.operator_policy(mounts))
        server.api("POST", f"transit/keys/{naming.VAULT_EVIDENCE_KEY}", {"type": "ed25519"})
        server.api("POST", f"transit/keys/{naming.VAULT_KMS_KEY}", {})
        server.api("POST", "transit/keys/sandbox-demo", {})
        server.api("POST", "kv/data/sandboxes/demo/a", {"data": {"a": "b"}})
        token = folder / "token"
        token.write_text(CLUSTER.token(naming.OPERATOR_NAMESPACE, naming.OPERATOR))
        who = ServiceAccount(token, naming.OPERATOR)
        yield Ground(server, mounts, Connection(server.address, server.ca, who))


def _prepare(server: harness.Server, mounts: Mounts, operator: str) -> None:
    """What Pulumi writes, with these rules for the operator."""
    policies = {
        naming.vault_sandbox_policy(mounts.jwt): requested.sandbox_policy(mounts),
        naming.OPERATOR: operator,
    }
    for name, rules in policies.items():
        server.api("PUT", f"sys/policies/acl/{name}", {"policy": rules})
    role = requested.operator_role()
    server.api("POST", f"auth/{mounts.jwt}/role/{naming.OPERATOR}", role)
    server.api(
        "POST",
        f"auth/{mounts.jwt}/config",
        {
            "jwt_validation_pubkeys": [CLUSTER.public_key],
            "bound_issuer": CLUSTER.issuer,
        },
    )


@pytest.fixture(scope="module")
def corners(ground: Ground) -> Iterator[SandboxVault]:
    vault = Vault(ground.operator, patience=5)
    yield SandboxVault(vault, ground.mounts)
    vault.close()


@pytest.fixture
def tried(ground: Ground, corners: SandboxVault) -> Iterator[list[Any]]:
    """A victim with a key, a login and a secret, and what is tried against it."""
    corners.make_key(VICTIM)
    corners.let_in(VICTIM)
    workload = ground.token(VICTIM, VICTIM, naming.SANDBOX_SERVICE_ACCOUNT)
    stored = ground.ask(workload, "POST", f"kv/data/requested/{VICTIM}/a", {"data": {"a": "b"}})
    assert stored.status_code == 200, stored.text
    entity = corners.entity(VICTIM)
    assert entity
    yield attempts(ground.mounts, corners.seal(VICTIM), entity)
    corners.shut_out(VICTIM)
    corners.destroy_key(VICTIM)
    corners.destroy_secrets(VICTIM)


def _operator(ground: Ground) -> str:
    return ground.token(naming.OPERATOR, naming.OPERATOR_NAMESPACE, naming.OPERATOR)


def test_the_operator_can_do_nothing_else(ground: Ground, tried: list[Any]) -> None:
    assert successes(ground.server, _operator(ground), tried) == set()


#: What is added to the operator's policy, or replaced in it, and an attempt that succeeds then.
WIDER = {
    "write-a-policy": ("", 'path "sys/policies/acl/*" { capabilities = ["create", "update"] }'),
    "decrypt": ("", 'path "transit/decrypt/sandbox-x-*" { capabilities = ["update"] }'),
    "make-an-exportable-key": ('    "exportable" = [false]\n', '    "exportable" = []\n'),
    "read-a-secret": ("", 'path "kv/data/requested/*" { capabilities = ["read"] }'),
    "role-with-another-policy": (
        '    "token_policies" = ["requested-sandbox"]\n',
        '    "token_policies" = []\n',
    ),
    "role-with-another-claim": (
        '    "claim_mappings" = ["/kubernetes.io/namespace=namespace"]\n',
        '    "claim_mappings" = []\n',
    ),
    "role-with-a-subject-of-the-lab": (
        '    "bound_subject" = ["system:serviceaccount:sandbox-x-*"]\n',
        '    "bound_subject" = []\n',
    ),
    "kms-key-sign": ("transit/sign/evidence", "transit/sign/*"),
    "configured-key-delete": ("transit/keys/sandbox-x-*", "transit/keys/sandbox-*"),
    "find-an-entity-of-the-lab": (
        '    "alias_name" = ["system:serviceaccount:sandbox-x-*"]\n',
        '    "alias_name" = []\n',
    ),
    "give-an-entity-a-policy": (
        'path "identity/entity/id/*" {\n  capabilities = ["delete"]',
        'path "identity/entity/id/*" {\n  capabilities = ["delete", "create", "update"]',
    ),
}


@pytest.mark.parametrize("attempt", WIDER)
def test_a_wider_policy_is_noticed(attempt: str, ground: Ground, tried: list[Any]) -> None:
    rules = requested.operator_policy(ground.mounts)
    narrow, wide = WIDER[attempt]
    assert narrow in rules
    widened = rules.replace(narrow, wide) if narrow else f"{rules}\n{wide}\n"
    token = _operator(ground)
    _prepare(ground.server, ground.mounts, widened)
    try:
        assert attempt in successes(ground.server, token, tried)
    finally:
        # What succeeded is put right again.
        _prepare(ground.server, ground.mounts, rules)
        ground.server.api("POST", "transit/keys/sandbox-demo", {})


def test_a_sandbox_has_its_own_and_nothing_else(ground: Ground, corners: SandboxVault) -> None:
    for name in ("sandbox-x-one", "sandbox-x-other"):
        corners.make_key(name)
        corners.let_in(name)
    sealed = corners.seal("sandbox-x-other")
    workload = ground.token("sandbox-x-one", "sandbox-x-one", naming.SANDBOX_SERVICE_ACCOUNT)
    plain = {"plaintext": base64.b64encode(b"x").decode()}

    def status(method: str, path: str, body: Any = None) -> int:
        return ground.ask(workload, method, path, body).status_code

    assert status("POST", "transit/encrypt/sandbox-x-one", plain) == 200
    assert status("POST", "kv/data/requested/sandbox-x-one/a", {"data": {"a": "b"}}) == 200
    assert status("GET", "kv/data/requested/sandbox-x-one/a") == 200
    assert status("GET", "auth/token/lookup-self") == 200
    assert status("POST", "transit/encrypt/sandbox-x-other", plain) == 403
    assert status("POST", "transit/decrypt/sandbox-x-other", {"ciphertext": sealed}) == 403
    assert status("POST", "kv/data/requested/sandbox-x-other/a", {"data": {"a": "b"}}) == 403
    assert status("LIST", "kv/metadata/requested") == 403
    assert status("POST", "transit/keys/sandbox-x-one/config", {"deletion_allowed": True}) == 403
    assert status("POST", "sys/capabilities-self", {"paths": ["kv"]}) == 403  # no `default` policy


@pytest.mark.parametrize(
    ("namespace", "account"),
    [
        ("sandbox-x-other", naming.SANDBOX_SERVICE_ACCOUNT),
        ("sandbox-x-one", naming.PRINCIPAL_SERVICE_ACCOUNT),
        ("sandbox-x-one", "default"),
        ("kube-system", naming.SANDBOX_SERVICE_ACCOUNT),
    ],
)
def test_nobody_else_logs_in_as_it(
    namespace: str, account: str, ground: Ground, corners: SandboxVault
) -> None:
    corners.make_key("sandbox-x-one")
    corners.let_in("sandbox-x-one")
    assert ground.login("sandbox-x-one", namespace, account).status_code in (400, 403)


def test_whoever_is_shut_out_is_so_at_once(ground: Ground, corners: SandboxVault) -> None:
    name = "sandbox-x-shut"
    corners.make_key(name)
    corners.let_in(name)
    workload = ground.token(name, name, naming.SANDBOX_SERVICE_ACCOUNT)
    path = f"kv/data/requested/{name}/a"
    assert ground.ask(workload, "POST", path, {"data": {"a": "b"}}).status_code == 200
    corners.shut_out(name)
    corners.shut_out(name)
    assert ground.ask(workload, "GET", path).status_code == 403
    assert ground.login(name, name, naming.SANDBOX_SERVICE_ACCOUNT).status_code in (400, 403)
    corners.let_in(name)
    again = ground.token(name, name, naming.SANDBOX_SERVICE_ACCOUNT)
    assert ground.ask(again, "GET", path).status_code == 200
    assert ground.ask(workload, "GET", path).status_code == 403


def test_the_end_leaves_nothing(ground: Ground, corners: SandboxVault) -> None:
    name = "sandbox-x-end"
    corners.make_key(name)
    sealed = corners.seal(name)
    corners.make_key(name)
    corners.let_in(name)
    workload = ground.token(name, name, naming.SANDBOX_SERVICE_ACCOUNT)
    for secret in ("a", "b/c", "b/d/e"):
        for value in ("old", "new"):
            path = f"kv/data/requested/{name}/{secret}"
            assert ground.ask(workload, "POST", path, {"data": {"a": value}}).status_code == 200
    assert corners.left_keys(name)[0] == [f"transit/keys/{name}"]
    there, looked = corners.left_paths(name)
    assert len(there) == 3
    assert looked > 3
    assert name in corners.all_namespaces()
    with pytest.raises(VaultRefused, match="success"):
        corners.refusal(name, sealed)
    for _ in range(2):
        corners.shut_out(name)
        corners.destroy_key(name)
        corners.destroy_secrets(name)
    assert corners.left_keys(name)[0] == []
    assert corners.left_paths(name)[0] == []
    assert name not in corners.all_namespaces()
    assert KEY_LOST in corners.refusal(name, sealed)
    # A key of the same name is another key.
    corners.make_key(name)
    with pytest.raises(VaultRefused, match="not proven"):
        corners.refusal(name, sealed)
    corners.destroy_key(name)


def test_what_is_left_is_named(corners: SandboxVault) -> None:
    name = "sandbox-x-left"
    corners.make_key(name)
    assert corners.left_keys(name)[0] == [f"transit/keys/{name}"]
    assert corners.left_paths(name)[0] == []
    corners.destroy_key(name)
    corners.let_in(name)
    assert corners.left_keys(name)[0] == []
    assert corners.left_paths(name)[0] == [f"auth/jwt/role/{name}"]
    corners.shut_out(name)


def test_a_token_of_another_account_is_no_way_in(ground: Ground, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(CLUSTER.token("sandbox-x-one", naming.OPERATOR))
    who = ServiceAccount(token, naming.OPERATOR)
    vault = Vault(Connection(ground.server.address, ground.server.ca, who), patience=1)
    with pytest.raises(VaultRefused, match=json.dumps(naming.OPERATOR)[1:-1]):
        vault.read("transit/keys/evidence")
