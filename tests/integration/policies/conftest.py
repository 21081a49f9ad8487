"""One API server with every policy in force, for the ways on which objects come to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra import toolchain
from tests.harness.api_server import running
from tests.integration.policies.enforced import (
    SANDBOX,
    World,
    enforce_policies,
    make_earlier,
    make_kinds,
    make_sandbox,
    wait_until_refused,
)
from tests.integration.policies.patches import patched
from tests.live.support import policies
from tests.live.support.api import Api


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(folder, kubernetes=kubernetes, etcd=etcd) as server, ExitStack() as stack:
        api = Api(server.client)
        earlier = make_earlier(api)
        make_kinds(api)
        make_sandbox(api)
        trial = stack.enter_context(policies.trial(api, SANDBOX, asks=True))
        unguarded = patched(server.client, trial, "before")
        enforce_policies(api)
        wait_until_refused(api)
        # One program is all of Kubernetes, by the name that it is called by.
        kubectl = folder / "kubectl"
        kubectl.symlink_to(kubernetes)
        yield World(server, api, trial, kubectl, earlier, unguarded)
