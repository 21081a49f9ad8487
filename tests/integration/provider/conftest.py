from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra import toolchain
from infra.secrets.client import Connection, Vault
from tests.harness import vault as harness


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    with harness.running(toolchain.binary("vault"), tmp_path_factory.mktemp("vault")) as found:
        yield found


@pytest.fixture(scope="session")
def connection(server: harness.Server) -> Connection:
    """The way in of the lab; its AppRole may do everything here."""
    credentials = server.approle("lab", token_policies="lab", token_ttl="10m")
    return Connection(server.address, server.ca, credentials)


@pytest.fixture
def vault(connection: Connection) -> Iterator[Vault]:
    client = Vault(connection, patience=5)
    yield client
    client.close()
