"""Every admission rule on a real API server without a lab: policies, defaults, drift."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra import toolchain
from policies import cluster
from tests.harness.api_server import running
from tests.integration.policies.enforced import (
    OBJECTS,
    SANDBOX,
    enforce,
    make_sandbox,
    wait_until_refused,
)
from tests.live.support import drift, policies
from tests.live.support.api import Api, location
from tests.live.support.policies import RULES, Trial


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as server:
        found = Api(server.client)
        enforce(found)
        make_sandbox(found)
        yield found


@pytest.fixture(scope="module")
def trial(api: Api) -> Iterator[Trial]:
    with policies.trial(api, SANDBOX, asks=True) as found:
        wait_until_refused(api)
        yield found


@pytest.mark.parametrize("rule", RULES)
def test_examples(rule: str, trial: Trial) -> None:
    assert policies.faults(RULES[rule], trial) == []


@pytest.mark.parametrize(
    "manifest", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_nothing_is_added_by_the_server(manifest: cluster.Manifest, api: Api) -> None:
    assert drift.differences(manifest, api.read(location(manifest))) == []
