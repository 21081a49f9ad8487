"""Fixtures of the live checks. Everything here reads; only probes of the checks are made.

The lab is that of the stack which LAB_STACK names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import naming
from tests.live.support import isolation, machines, vault
from tests.live.support.api import Api, administrator
from tests.live.support.facts import Facts
from tests.live.support.isolation import Run
from tests.live.support.lab import Lab, current
from tests.live.support.machines import Host
from tests.live.support.vault import Caller

_OWN_FOLDER = Path(__file__).parent
#: What changes the lab on purpose, stays on record, or needs more than a lab, is run only when it
#: is named.
_INTRUSIVE = ("attacks", "protections", "lifecycle", "judges", "sandbox_service")


def pytest_configure(config: pytest.Config) -> None:
    """Names the tests that take many minutes; `lab test --faults` selects them."""
    config.addinivalue_line("markers", "slow: takes many minutes (faults during operations)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves intrusive tests out of `pytest tests/live`, which is what `lab verify` runs."""
    named = [Path(word.split("::")[0]).resolve() for word in config.args]
    for name in _INTRUSIVE:
        folder = _OWN_FOLDER / name
        if collection_path == folder and not any(p.is_relative_to(folder) for p in named):
            return True
    return None


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab under test."""
    return current()


@pytest.fixture(scope="session")
def hosts(lab: Lab) -> Iterator[dict[str, Host]]:
    """Machines by name, over SSH."""
    with machines.connections(lab) as connected:
        yield connected


@pytest.fixture(scope="session")
def facts(hosts: dict[str, Host]) -> dict[str, Facts]:
    """What the machines say about themselves, each thing asked once."""
    return {name: Facts(host) for name, host in hosts.items()}


@pytest.fixture(scope="session")
def api(lab: Lab) -> Iterator[Api]:
    """The cluster's administrator."""
    with administrator(lab.home.kubeconfig) as caller:
        yield caller


@pytest.fixture(scope="session")
def stranger(lab: Lab) -> Iterator[Caller]:
    """Somebody who reaches Vault and has no token."""
    with vault.caller(lab) as caller:
        yield caller


@pytest.fixture(scope="session")
def lab_login(lab: Lab, stranger: Caller) -> dict[str, Any]:
    """Vault's `auth` block of a fresh login with the lab's own AppRole."""
    credentials = json.loads(lab.home.vault_approle.read_text())
    return vault.login(stranger, naming.VAULT_APPROLE, credentials)


@pytest.fixture(scope="session")
def lab_caller(lab: Lab, lab_login: dict[str, Any]) -> Iterator[Caller]:
    """The lab's own role in Vault; its token is given back at the end."""
    with vault.caller(lab, lab_login["client_token"]) as caller:
        yield caller
        caller.call("POST", "auth/token/revoke-self")


@pytest.fixture(scope="session")
def isolation_run(lab: Lab, api: Api, hosts: dict[str, Host]) -> Iterator[Run]:
    """One run of all isolation probes; its pods are there until the session ends."""
    with isolation.run(lab, api, hosts, isolation.probed_sandbox(lab)) as run:
        yield run
