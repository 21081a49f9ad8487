"""Where the operator keeps evidence, and its way into Vault: for whatever runs as the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra import naming
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Store
from infra.operator.configuration import Configuration, PostgresqlSettings, SqliteSettings
from infra.secrets.certificates import DatabaseAddress, DatabaseCertificate
from infra.secrets.client import Connection as VaultConnection
from infra.secrets.client import ServiceAccount


def vault_connection(configuration: Configuration, role: str = naming.OPERATOR) -> VaultConnection:
    """The operator's way into Vault, in one of its roles."""
    settings = configuration.vault
    who = ServiceAccount(settings.token, role, settings.jwt)
    return VaultConnection(settings.address, settings.ca_certificate, who)


@contextmanager
def stored(configuration: Configuration, report: Callable[[Exception], None]) -> Iterator[Store]:
    """The evidence store; a database's certificate is renewed until the end of the block.

    `report` is told of each renewal that failed; it is tried again.

    Raises:
        EvidenceUnavailable: it cannot be used.
        VaultRefused, VaultUnreachable, VaultSealed, HostUnfit: there is no certificate for it.
    """
    match configuration.evidence:
        case SqliteSettings(file=file):
            store: Store = SqliteStore(file)
            try:
                yield store
            finally:
                store.close()
        case PostgresqlSettings() as settings:
            address = DatabaseAddress(
                settings.host,
                settings.port,
                settings.database,
                settings.user,
                settings.ca_certificate,
                settings.pki_mount,
            )
            way_in = vault_connection(configuration, settings.vault_role)
            certificate = DatabaseCertificate(way_in, address, settings.folder)
            with certificate.kept(report) as conninfo:
                store = PostgresqlStore(conninfo)
                try:
                    yield store
                finally:
                    store.close()
