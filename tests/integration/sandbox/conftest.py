"""A real API server that knows Sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra import toolchain
from infra.sandbox.definition import definition
from infra.sandbox.resource import API_VERSION, KIND
from tests.harness.api_server import ApiServer, running
from tests.harness.definitions import install
from tests.live.support.api import Api

Manifest = dict[str, Any]


def request(name: str = "example", **spec: Any) -> Manifest:
    """A request that the API server takes, but for what is given; None leaves a field out."""
    whole = {"purpose": "Measure the bias of model 7", "requester": "alice", "ttl": "8h"} | spec
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as found:
        install(Api(found.client), definition())
        yield found


@pytest.fixture(scope="session")
def api(server: ApiServer) -> Api:
    """The administrator."""
    return Api(server.client)
