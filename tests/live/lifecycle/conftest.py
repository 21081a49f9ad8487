"""A lab that is up and green before each test, whatever the test before left."""

from __future__ import annotations

import pytest

from infra import lifecycle
from tests.live.support import operations
from tests.live.support.lab import Lab


@pytest.fixture
def up(lab: Lab) -> Lab:
    """The lab, up; `lab up` is run if it is not."""
    if not lifecycle.is_up(lab.stack):
        done = operations.lab("up", "--yes", "--stack", lab.stack)
        assert done.status == 0, f"`lab up` ended with {done.status}: {done.told}"
    return lab
