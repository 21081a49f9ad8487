from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.plugins import call
from tests.unit.offline.fake_api import FakeApi


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture(autouse=True)
def request_of_the_engine() -> Iterator[call.Call]:
    made = call.Call(
        urn="urn:pulumi:dev::lab::kubernetes:core/v1:ConfigMap::thing",
        name="thing",
        random_seed=b"seed",
    )
    call.enter(made)
    yield made
    call.enter(call.Call())
