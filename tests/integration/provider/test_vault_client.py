from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.errors import VaultCredentialsMissing, VaultRefused, VaultSealed, VaultUnreachable
from infra.secrets.client import Connection, Vault
from tests.harness.vault import Server


def test_reads_what_is_there_and_none_for_what_is_not(vault: Vault) -> None:
    assert vault.read("auth/approle/role/lab") is not None
    assert vault.read("auth/approle/role/absent") is None
    assert vault.read("nowhere/at/all") is None


def test_writes_and_removes(vault: Vault) -> None:
    vault.write("auth/approle/role/short", {"token_ttl": 60})
    assert (vault.read("auth/approle/role/short") or {})["token_ttl"] == 60
    vault.remove("auth/approle/role/short")
    vault.remove("auth/approle/role/short")
    assert vault.read("auth/approle/role/short") is None


def test_logs_in_again_when_its_token_is_gone(vault: Vault, server: Server) -> None:
    accessor = vault.call(lambda client: client.auth.token.lookup_self())["data"]["accessor"]
    server.api("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    again = vault.call(lambda client: client.auth.token.lookup_self())["data"]["accessor"]
    assert again != accessor


def test_closing_revokes_the_token(vault: Vault, server: Server) -> None:
    accessor = vault.call(lambda client: client.auth.token.lookup_self())["data"]["accessor"]
    vault.close()
    vault.close()
    left = server.api("LIST", "auth/token/accessors")["data"]["keys"]
    assert accessor not in left


def test_a_missing_right_is_refused_in_vaults_own_words(
    server: Server, connection: Connection
) -> None:
    nobody = Vault(replace(connection, credentials=server.approle("nobody")), patience=1)
    with pytest.raises(VaultRefused, match=r"GET sys/mounts: .*permission denied"):
        nobody.call(lambda client: client.sys.list_mounted_secrets_engines())
    with pytest.raises(VaultRefused, match="permission denied"):
        nobody.read("sys/mounts")


def test_wrong_credentials_are_refused_without_showing_them(
    tmp_path: Path, connection: Connection
) -> None:
    file = tmp_path / "approle.json"
    file.write_text(json.dumps({"role_id": "wrong-role", "secret_id": "canary-secret"}))
    with pytest.raises(VaultRefused, match="invalid role or secret ID") as caught:
        Vault(replace(connection, credentials=file), patience=1).read("sys/mounts")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "not json canary", "[]", '{"role_id": "canary"}'])
def test_unreadable_credentials(
    tmp_path: Path, connection: Connection, content: str | None
) -> None:
    file = tmp_path / "approle.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(VaultCredentialsMissing) as caught:
        Vault(replace(connection, credentials=file)).read("sys/mounts")
    assert "canary" not in str(caught.value)
    assert "lab up" in caught.value.next_step


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_unreadable_ca(tmp_path: Path, connection: Connection, content: str | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(VaultCredentialsMissing, match=r"ca\.crt"):
        Vault(replace(connection, ca_certificate=file)).read("sys/mounts")


def test_a_certificate_of_another_ca_is_not_trusted_and_not_waited_for(
    tmp_path: Path, connection: Connection
) -> None:
    stranger = tmp_path / "ca.crt"
    stranger.write_text(
        ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0])
    )
    with pytest.raises(VaultUnreachable, match="certificate verify failed"):
        Vault(replace(connection, ca_certificate=stranger), patience=60).read("sys/mounts")


def test_an_old_tls_version_is_not_spoken(connection: Connection) -> None:
    vault = Vault(connection)
    adapter = vault.call(lambda client: client.session.get_adapter("https://x"))
    context = adapter.poolmanager.connection_pool_kw["ssl_context"]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    vault.close()


def test_nobody_listens(connection: Connection) -> None:
    with pytest.raises(VaultUnreachable, match="refused"):
        Vault(replace(connection, address="https://127.0.0.1:1"), patience=0.2).read("sys/mounts")


@pytest.fixture
def sealed(server: Server) -> Iterator[None]:
    """The dev server's unseal key is in its log."""
    key = next(
        line.split(":", 1)[1].strip()
        for line in (server.folder / "log").read_text().splitlines()
        if line.startswith("Unseal Key:")
    )
    server.api("PUT", "sys/seal")
    yield
    server.api("PUT", "sys/unseal", {"key": key})


@pytest.mark.usefixtures("sealed")
def test_sealed(connection: Connection) -> None:
    with pytest.raises(VaultSealed, match="sealed"):
        Vault(connection, patience=0.2).read("sys/mounts")
