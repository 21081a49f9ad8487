"""Checks of the lab's database; there are none where no machine carries one."""

from __future__ import annotations

import pytest

from tests.live.support import database
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab, current
from tests.live.support.machines import Host

collect_ignore_glob = [] if current().config.database_machine else ["test_*.py"]


@pytest.fixture(scope="module")
def server(facts: dict[str, Facts], lab: Lab) -> Host:
    """The machine that carries it."""
    machine = lab.config.database_machine
    assert machine is not None
    return facts[machine.name].host


@pytest.fixture(scope="module")
def address(lab: Lab) -> tuple[str, int]:
    machine = lab.config.database_machine
    assert machine is not None
    return str(machine.address), database.PORT
