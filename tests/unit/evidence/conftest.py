from __future__ import annotations

import pytest

from infra.evidence.verification import Trusted
from tests.harness.evidence import MemorySigner, exported


@pytest.fixture(scope="session")
def signer() -> MemorySigner:
    """A key that no test changes."""
    return MemorySigner()


@pytest.fixture(scope="session")
def whole(signer: MemorySigner) -> bytes:
    """The bundle of a sandbox that lived and died."""
    return exported(signer)


@pytest.fixture(scope="session")
def trusted(signer: MemorySigner) -> Trusted:
    return Trusted(keys=signer.public_keys())
