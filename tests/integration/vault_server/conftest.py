"""A real Vault for every test; its binary is in VAULT_BINARY, or on PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.vault_server import VaultServer, running


@pytest.fixture(scope="session")
def vault_binary() -> Path:
    binary = os.environ.get("VAULT_BINARY") or shutil.which("vault")
    if not binary:
        pytest.skip("no Vault binary: set VAULT_BINARY")
    return Path(binary)


@pytest.fixture
def vault_server(vault_binary: Path, tmp_path: Path) -> Iterator[VaultServer]:
    with running(vault_binary, tmp_path) as server:
        yield server
