"""A real Vault and a real PostgreSQL, prepared as the lab's program and roles prepare them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra import naming, toolchain
from infra.contracts import DatabaseServer, SecretStore
from infra.hosts.database import CONTENT
from infra.provider import tokens
from infra.secrets import objects
from infra.secrets.certificates import DatabaseAddress, DatabaseCertificate
from infra.secrets.client import Connection, ServiceAccount, Vault
from infra.secrets.database import DatabaseAuthority, DatabaseLogins
from tests.harness import postgresql
from tests.harness import vault as vault_harness
from tests.harness.deploy import deploy
from tests.harness.postgresql import LabDatabase
from tests.harness.service_accounts import Signer
from tests.harness.vault_role import POLICY

CLUSTER = Signer("https://home")
WRITER = naming.OPERATOR
#: In the order in which they need each other.
KINDS: dict[str, Any] = {
    tokens.SECRETS_ENGINE: objects.SecretsEngine(),
    tokens.PKI_AUTHORITY: objects.PkiAuthority(),
    tokens.PKI_ROLE: objects.PkiRole(),
    tokens.POLICY: objects.Policy(),
    tokens.ROLE: objects.Role(),
}


def program() -> None:
    """What a lab with a database declares in Vault."""
    resource = pulumi.ComponentResource("test:resource", "carrier")
    store = SecretStore(
        address="https://vault",
        ca_certificate="/ca",
        credentials="/approle",
        transit_mount=naming.VAULT_TRANSIT,
        kv_mount=naming.VAULT_KV,
        jwt_mount=naming.VAULT_JWT,
        instance="1",
        resource=resource,
    )
    DatabaseAuthority("test", secret_store=store)
    server = DatabaseServer(
        address="127.0.0.1",
        port=5432,
        ca_certificate="PEM",
        pki_mount=naming.VAULT_DATABASE_PKI,
        users=[user for content in CONTENT for user in content.users],
        resource=resource,
    )
    DatabaseLogins("test", secret_store=store, server=server, login=resource)


@dataclass(frozen=True)
class Ground:
    """Both servers."""

    vault: vault_harness.Server
    database: LabDatabase
    #: In memory; what clients keep, and what an attacker makes.
    memory: Path

    def token(self, namespace: str, account: str) -> Path:
        """A file with a token of a service account, as Kubernetes mounts one."""
        file = self.memory / f"{namespace}.{account}.token"
        file.write_text(CLUSTER.token(namespace, account))
        return file

    def connection(
        self, namespace: str = naming.OPERATOR_NAMESPACE, account: str = naming.OPERATOR
    ) -> Connection:
        return Connection(
            self.vault.address,
            self.vault.ca,
            ServiceAccount(self.token(namespace, account), naming.vault_database_role(WRITER)),
        )

    def certificate(
        self, connection: Connection | None = None, **changes: Any
    ) -> DatabaseCertificate:
        """A client of the operator's, or one that asks for something else."""
        given: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.database.port,
            "database": "evidence",
            "user": WRITER,
            "ca_certificate": self.database.ca,
        }
        address = DatabaseAddress(**(given | changes))
        return DatabaseCertificate(connection or self.connection(), address, self.memory)


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("vault")
    with vault_harness.running(toolchain.binary("vault"), folder) as vault:
        authority = _prepare(vault)
        with (
            tempfile.TemporaryDirectory(prefix="lab-database-", dir="/dev/shm") as memory,
            postgresql.running(authority, [content.variables for content in CONTENT]) as database,
        ):
            yield Ground(vault, database, Path(memory))


def _prepare(vault: vault_harness.Server) -> str:
    """Makes, with no more rights than the lab has, what it declares; the authority's PEM."""
    vault.api("PUT", "sys/policies/acl/lab", {"policy": POLICY})
    lab = Vault(
        Connection(vault.address, vault.ca, vault.approle("lab", token_policies="lab")), patience=5
    )
    login = {
        "path": naming.VAULT_JWT,
        "type": "jwt",
        "config": {"jwt_validation_pubkeys": [CLUSTER.public_key], "bound_issuer": CLUSTER.issuer},
    }
    kind = objects.AuthMethod()
    kind.create(lab, kind.model.model_validate(login))
    declared = deploy(
        program, computed={tokens.PKI_AUTHORITY: lambda _name, _inputs: {"certificate": "PEM"}}
    )
    authority = ""
    for token, made in KINDS.items():
        resources = declared.of_type(token)
        assert resources, token
        for resource in resources:
            inputs = _whole({**resource.inputs, "connection": None})
            del inputs["connection"]
            spec = made.model.model_validate(inputs)
            outputs = made.create(lab, spec)
            live = made.read(lab, spec, outputs)
            assert live is not None
            assert live.inputs == spec.inputs(), "drift right after it was made"
            authority = outputs.get("certificate", authority)
    lab.close()
    return authority


def _whole(value: Any) -> Any:
    """Between program and plugin every number is a float; the plugin makes whole ones of them."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.fixture
def writer(ground: Ground) -> Iterator[str]:
    """Connection string of the operator, with a certificate from Vault."""
    with ground.certificate().kept(_fail) as conninfo:
        yield conninfo


def _fail(error: Exception) -> None:
    raise error
