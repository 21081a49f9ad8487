"""What the workloads of a sandbox try in Vault, with a token of their own.

The control: with the same token the own key and the own secrets are used, and what the attacker is
after is really there, because its owner reads it.
"""

from __future__ import annotations

import base64
import secrets

import pytest

from infra import naming
from tests.live.support.tenants import Pair, raw_vault
from tests.live.support.vault import Caller, caller, say

_KV, _TRANSIT = naming.VAULT_KV, naming.VAULT_TRANSIT
_MINE = f"{_KV}/data/{naming.VAULT_REQUESTED}/{{own}}"
_THEIRS = f"{_KV}/data/{naming.VAULT_REQUESTED}/{{victim}}"

#: What is asked for properly.
ASKED = (
    ("GET", f"{_THEIRS}/diary"),
    ("POST", f"{_THEIRS}/diary"),
    ("DELETE", f"{_THEIRS}/diary"),
    ("GET", f"{_KV}/metadata/{naming.VAULT_REQUESTED}/{{victim}}/diary"),
    ("LIST", f"{_KV}/metadata/{naming.VAULT_REQUESTED}/{{victim}}"),
    ("LIST", f"{_KV}/metadata/{naming.VAULT_REQUESTED}"),
    ("LIST", f"{_KV}/metadata"),
    ("GET", f"{_KV}/data/{naming.VAULT_REQUESTED}/{{own}}*/diary"),
    ("GET", f"{_KV}/data/{naming.VAULT_REQUESTED}/+/diary"),
    ("GET", f"{_KV}/data/{naming.VAULT_REQUESTED}/*"),
    ("POST", f"{_TRANSIT}/encrypt/{{victim}}"),
    ("POST", f"{_TRANSIT}/decrypt/{{victim}}"),
    ("POST", f"{_TRANSIT}/rewrap/{{victim}}"),
    ("POST", f"{_TRANSIT}/datakey/plaintext/{{victim}}"),
    ("POST", f"{_TRANSIT}/sign/{naming.VAULT_EVIDENCE_KEY}"),
    ("GET", f"{_TRANSIT}/export/encryption-key/{{own}}"),
    ("GET", f"{_TRANSIT}/backup/{{own}}"),
    ("POST", f"{_TRANSIT}/keys/{{own}}/config"),
    ("DELETE", f"{_TRANSIT}/keys/{{victim}}"),
    ("LIST", f"{_TRANSIT}/keys"),
    ("POST", f"auth/{naming.VAULT_JWT}/role/{{own}}"),
    ("GET", f"auth/{naming.VAULT_JWT}/role/{{victim}}"),
    ("POST", "auth/token/create"),
    ("POST", "auth/token/create-orphan"),
    ("POST", "identity/entity"),
    ("PUT", "sys/policies/acl/requested-sandbox"),
    ("GET", "sys/policies/acl/requested-sandbox"),
    ("POST", "sys/audit/mine"),
    ("GET", "sys/mounts"),
    ("PUT", "sys/seal"),
)
#: Paths that a library would tidy up before they are sent.
CROOKED = (
    f"/v1/{_MINE}/../{{victim}}/diary",
    f"/v1/{_MINE}/%2e%2e/{{victim}}/diary",
    f"/v1/{_MINE}%2f..%2f{{victim}}%2fdiary",
    f"/v1/{_MINE}/..%252f{{victim}}/diary",
    f"/v1/{_KV}/data//{naming.VAULT_REQUESTED}//{{victim}}/diary",
    f"/v1/{_KV}/data/./{naming.VAULT_REQUESTED}/{{victim}}/diary",
    f"/v1/{_MINE}/../../../../sys/mounts",
    f"/v1/{_KV.upper()}/DATA/{naming.VAULT_REQUESTED}/{{victim}}/diary",
)


@pytest.fixture(scope="module")
def diary(pair: Pair) -> str:
    """A secret of each tenant's, at the same place; the victim's is returned."""
    word = secrets.token_hex(16)
    for tenant, text in ((pair.victim, word), (pair.attacker, "own")):
        path = f"{_KV}/data/{naming.VAULT_REQUESTED}/{tenant.namespace}/diary"
        tenant.vault.ask("POST", path, {"data": {"word": text}})
    return word


def read(pair: Pair, reader: Caller, path: str) -> str:
    return str(reader.ask("GET", pair.path(path))["data"]["data"]["word"])


def test_the_control(pair: Pair, diary: str) -> None:
    """Each tenant's own is open to it, in the same way."""
    assert read(pair, pair.victim.vault, f"{_THEIRS}/diary") == diary
    assert read(pair, pair.attacker.vault, f"{_MINE}/diary") == "own"
    plain = base64.b64encode(b"own").decode()
    sealed = pair.attacker.vault.ask(
        "POST", pair.path(f"{_TRANSIT}/encrypt/{{own}}"), {"plaintext": plain}
    )
    opened = pair.attacker.vault.ask(
        "POST", pair.path(f"{_TRANSIT}/decrypt/{{own}}"), sealed["data"]
    )
    assert opened["data"]["plaintext"] == plain


@pytest.mark.check(id="attacks.vault", area="attacks")
@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*one, id=" ".join(one)) for one in ASKED]
)
def test_refused(method: str, path: str, pair: Pair, diary: str) -> None:
    body = {"plaintext": "", "ciphertext": "vault:v1:", "data": {}} if method != "GET" else None
    answer = pair.attacker.vault.call(method, pair.path(path), body)
    assert answer.status_code == 403, f"Vault lets it: {say(answer)}"
    assert read(pair, pair.victim.vault, f"{_THEIRS}/diary") == diary


@pytest.mark.check(id="attacks.vault.traversal", area="attacks")
@pytest.mark.parametrize("path", CROOKED)
def test_crooked_paths_lead_nowhere(path: str, pair: Pair, diary: str) -> None:
    token = pair.attacker.vault_token
    straight, text = raw_vault(pair.lab, token, pair.path(f"/v1/{_MINE}/diary"))
    assert (straight, '"own"' in text) == (200, True), f"the control failed: {straight}"
    status, text = raw_vault(pair.lab, token, pair.path(path))
    assert status >= 300, f"Vault answers {status}"
    assert diary not in text


@pytest.mark.check(id="attacks.vault.login", area="attacks")
def test_nobody_logs_in_as_another(pair: Pair) -> None:
    with caller(pair.lab) as stranger:
        own = {"role": pair.attacker.namespace, "jwt": pair.attacker.workload_token}
        control = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", own)
        assert control.status_code == 200, f"the control failed: {say(control)}"
        stranger.call("POST", "auth/token/revoke-self")
        for role in (pair.victim.namespace, naming.OPERATOR, naming.VAULT_KMS_ROLE):
            answer = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", {**own, "role": role})
            assert answer.status_code in (400, 403), f"it is let in as {role}: {say(answer)}"
        # The token for the API server is none for Vault.
        program = {"role": pair.attacker.namespace, "jwt": pair.attacker.program_token}
        answer = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", program)
        assert answer.status_code in (400, 403), f"its person's token is taken: {say(answer)}"
