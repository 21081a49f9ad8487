"""A lab that is up before each test, whatever the test before left.

The ways into it are made anew for each test, too: a lab that was removed and made again has other
certificates, other host keys and another Vault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from infra import lifecycle, naming
from tests.live.support import machines, operations, vault
from tests.live.support.api import Api, administrator
from tests.live.support.lab import Lab
from tests.live.support.machines import Host
from tests.live.support.vault import Caller


@pytest.fixture
def up(lab: Lab) -> Lab:
    """The lab, up; `lab up` is run if it is not."""
    if not lifecycle.is_up(lab.stack):
        done = operations.lab("up", "--yes", "--stack", lab.stack)
        assert done.status == 0, f"`lab up` ended with {done.status}: {done.told}"
    return lab


@pytest.fixture
def hosts(up: Lab) -> Iterator[dict[str, Host]]:
    """Machines by name, over SSH."""
    with machines.connections(up) as connected:
        yield connected


@pytest.fixture
def api(up: Lab) -> Iterator[Api]:
    """The cluster's administrator."""
    with administrator(up.home.kubeconfig) as caller:
        yield caller


@pytest.fixture
def lab_caller(up: Lab) -> Iterator[Caller]:
    """The lab's own role in Vault; its token is given back at the end."""
    credentials = json.loads(up.home.vault_approle.read_text())
    with vault.caller(up) as stranger:
        login = vault.login(stranger, naming.VAULT_APPROLE, credentials)
    with vault.caller(up, login["client_token"]) as caller:
        yield caller
        caller.call("POST", "auth/token/revoke-self")
