from __future__ import annotations

import pytest

from tests.unit.offline.fake_api import FakeApi


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()
