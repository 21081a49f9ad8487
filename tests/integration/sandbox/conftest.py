"""A real API server that knows Sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra import toolchain
from infra.sandbox.definition import definition
from infra.sandbox.resource import API_VERSION, KIND
from tests.harness.api_server import ApiServer, running
from tests.live.support.api import Api, eventually, location, say

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


def install(api: Api, manifest: Manifest) -> None:
    """Adds a kind, and waits until it is served."""
    answer = api.create(manifest)
    assert answer.status_code == 201, say(answer)
    path = location(manifest)

    def established() -> bool:
        conditions = api.read(path).get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    assert eventually(established, until=bool, within=60)
    spec = manifest["spec"]
    collection = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    answer = eventually(
        lambda: api.get(collection), until=lambda got: got.status_code == 200, within=60
    )
    assert answer.status_code == 200, say(answer)


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
