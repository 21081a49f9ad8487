"""Whole lives of sandboxes that people ask for: not in `lab verify`, since they stay on record."""

from __future__ import annotations

import pytest

from tests.live.support import people
from tests.live.support.lab import Lab, current
from tests.live.support.people import People, Person

collect_ignore_glob = [] if current().config.sandbox_service else ["test_*.py"]


@pytest.fixture(scope="module")
def who(lab: Lab) -> People:
    service = lab.config.sandbox_service
    assert service is not None
    return people.of(service)


@pytest.fixture(scope="module")
def requester(lab: Lab, who: People) -> Person:
    return Person(lab, who.requester)


@pytest.fixture(scope="module")
def approver(lab: Lab, who: People) -> Person:
    return Person(lab, who.approver)
