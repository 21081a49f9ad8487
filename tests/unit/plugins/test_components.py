"""Components over the real protocol: what the engine is told to register."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any
from unittest import mock

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from infra.errors import PluginFailed
from infra.plugins import Secret
from infra.plugins.components import Member
from infra.plugins.server import plugin
from infra.plugins.servicer import Servicer
from infra.plugins.values import from_struct, to_struct


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The engine's side; refuses what is called so."""

    def __init__(self) -> None:
        self.asked: list[resource_pb2.RegisterResourceRequest] = []
        self.ended: list[str] = []

    def RegisterResource(  # noqa: N802
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        self.asked.append(request)
        if request.name == "refused":
            context.abort(grpc.StatusCode.UNKNOWN, "a policy refused it; token s.secret")
        return resource_pb2.RegisterResourceResponse(urn=f"urn:{request.name}")

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self.ended.append(request.urn)
        return empty_pb2.Empty()


@pytest.fixture
def monitor() -> Iterator[tuple[Monitor, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    found = Monitor()
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(found, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found, f"127.0.0.1:{port}"
    server.stop(None).wait()


def members(_type: str, name: str, inputs: dict[str, Any]) -> list[list[Member]]:
    if "wrong" in inputs:
        raise PluginFailed(f"it is wrong: {inputs['wrong']}", next_step="correct it.")
    first = Member("toy:index:Toy", f"{name}-first", {"kind": "Toy", "data": inputs.get("data")})
    last = Member("toy:index:Toy", inputs.get("last", "last"), {"kind": "Toy"})
    return [[first], [last]]


class Aborted(Exception):
    """What the protocol's `abort` raises."""


def asked(address: str, **inputs: Any) -> provider_pb2.ConstructResponse:
    servicer = Servicer(plugin("toy", "1.2.3", [], members=members), engine_address=None)
    request = provider_pb2.ConstructRequest(
        monitorEndpoint=address,
        type="toy:index:Group",
        name="group",
        parent="urn:parent",
        protect=True,
        providers={"toy": "urn:own::id"},
        dependencies=["urn:before"],
    )
    request.inputs.CopyFrom(to_struct(inputs))
    context = mock.Mock(spec=grpc.ServicerContext)
    context.abort.side_effect = lambda code, text: (_ for _ in ()).throw(Aborted(code, text))
    return servicer.Construct(request, context)


def test_members_are_registered_like_resources_of_the_program(
    monitor: tuple[Monitor, str],
) -> None:
    engine, address = monitor
    assert asked(address, data="x").urn == "urn:group"
    group, first, last = engine.asked
    assert (group.type, group.parent, group.custom) == ("toy:index:Group", "urn:parent", False)
    for one in (first, last):
        assert (one.parent, one.custom, one.protect) == ("urn:group", True, True)
        assert (one.provider, one.version) == ("urn:own::id", "1.2.3")
    assert list(first.dependencies) == ["urn:before"]
    assert list(last.dependencies) == ["urn:before", "urn:group-first"]
    assert engine.ended == ["urn:group"]


def test_what_is_secret_stays_secret(monitor: tuple[Monitor, str]) -> None:
    engine, address = monitor
    asked(address, data=Secret("s.secret"))
    assert from_struct(engine.asked[1].object) == {"kind": "Toy", "data": Secret("s.secret")}


def test_a_member_that_is_refused_ends_the_component(monitor: tuple[Monitor, str]) -> None:
    engine, address = monitor
    with pytest.raises(Aborted, match=r"a policy refused it; token \[secret\]") as told:
        asked(address, data=Secret("s.secret"), last="refused")
    assert "s.secret" not in str(told.value)
    assert engine.ended == []


def test_inputs_that_are_wrong_register_nothing(monitor: tuple[Monitor, str]) -> None:
    engine, address = monitor
    with pytest.raises(Aborted, match=r"LAB-702.*it is wrong: \[secret\]"):
        asked(address, wrong=Secret("s.secret"))
    assert engine.asked == []
