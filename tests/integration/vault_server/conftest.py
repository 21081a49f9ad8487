"""A real Vault for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import toolchain
from tests.harness.vault_server import VaultServer, running


@pytest.fixture
def vault_server(tmp_path: Path) -> Iterator[VaultServer]:
    with running(toolchain.binary("vault"), tmp_path) as server:
        yield server
