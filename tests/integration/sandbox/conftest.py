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


@pytest.fixture(scope="module")
def server_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Without anything of a lab."""
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as found:
        yield found


@pytest.fixture(scope="module")
def server(server_alone: ApiServer) -> ApiServer:
    """With the kind, and nothing that judges who asks."""
    install(Api(server_alone.client), definition())
    return server_alone


@pytest.fixture(scope="module")
def api(server: ApiServer) -> Api:
    """The administrator."""
    return Api(server.client)
