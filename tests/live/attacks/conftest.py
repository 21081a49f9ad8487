"""Two sandboxes of two people, for all attacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.support import isolation, tenants
from tests.live.support.api import Api
from tests.live.support.isolation import Run
from tests.live.support.lab import Lab
from tests.live.support.machines import Host
from tests.live.support.tenants import Pair


@pytest.fixture(scope="session")
def pair(lab: Lab, api: Api) -> Iterator[Pair]:
    """Sandboxes of the first two who may ask."""
    one, two, *_ = tenants.service_of(lab).requesters.users
    with tenants.tenant(lab, api, one) as attacker, tenants.tenant(lab, api, two) as victim:
        yield Pair(lab, api, attacker, victim)


@pytest.fixture(scope="session")
def isolation_run(lab: Lab, api: Api, hosts: dict[str, Host], pair: Pair) -> Iterator[Run]:
    """The probes of `lab verify`, from a sandbox that was asked for."""
    with isolation.run(lab, api, hosts, pair.attacker.namespace) as run:
        yield run
