"""The lab of the operator's integration tests: an API server, Vault, evidence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import sandbox_lab
from tests.harness.sandbox_lab import SandboxLab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxLab]:
    with sandbox_lab.lab(tmp_path_factory.mktemp("lab")) as found:
        yield found
