"""The protocol over real gRPC, as the engine speaks it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent import futures
from typing import Any, ClassVar

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from infra.errors import PluginFailed, VaultRefused
from infra.plugins import (
    UNKNOWN,
    Checked,
    Created,
    Diff,
    Failure,
    Incomplete,
    Read,
    ResourceType,
    Secret,
    current,
)
from infra.plugins.diffing import compare
from infra.plugins.server import Plugin, plugin
from infra.plugins.servicer import Servicer
from infra.plugins.values import from_struct, to_struct

URN = "urn:pulumi:dev::project::toy:index:Toy::name"


class Toy(ResourceType):
    token: ClassVar[str] = "toy:index:Toy"
    default_timeout: ClassVar[float] = 7.0

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        failures = [Failure("size", "is too large.")] if news.get("size") == 99 else []
        return Checked({**news, "seed": current().random_seed.hex()}, failures)

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        changes = compare(old_inputs, news)
        return Diff(changes, frozenset({"fixed"} & set(changes)), delete_before_replace=True)

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        self.timeouts.append(timeout)
        match news.get("mood"):
            case "refuse":
                raise VaultRefused(f"no {news['password']} here.", next_step="mend it.")
            case "half":
                cause = PluginFailed(f"{news['password']} broke", next_step="go on.")
                raise Incomplete(cause, id="half-1", outputs=news)
        current().log(f"made with {news.get('password')}", severity="warning")
        current().progress("done")
        return Created("made-1", {**news, "derived": Secret("d")})

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        return None if id_ == "gone" else Read(inputs, {**outputs, "live": 1})

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        self.timeouts.append(timeout)
        return {**news, "was": old_inputs.get("size")}

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        self.timeouts.append(timeout)


class Log(engine_pb2_grpc.EngineServicer):
    def __init__(self) -> None:
        self.seen: list[engine_pb2.LogRequest] = []

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.seen.append(request)
        return empty_pb2.Empty()


def _serve(register: Any) -> tuple[grpc.Server, str]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def engine(log: Log) -> Iterator[str]:
    server, address = _serve(lambda s: engine_pb2_grpc.add_EngineServicer_to_server(log, s))
    yield address
    server.stop(None).wait()


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def made(toy: Toy) -> Plugin:
    def configure(config: dict[str, Any]) -> None:
        if config.get("broken"):
            raise PluginFailed("no.", next_step="fix it.")

    return plugin("toy", "1.2.3", [toy], configure)


@pytest.fixture
def stub(made: Plugin, engine: str) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    servicer = Servicer(made, engine_address=engine)
    server, address = _serve(
        lambda s: provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, s)
    )
    with grpc.insecure_channel(address) as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


Stub = provider_pb2_grpc.ResourceProviderStub
TYPE: dict[str, Any] = {"urn": URN, "name": "name", "type": "toy:index:Toy"}


def test_introduces_itself(stub: Stub) -> None:
    assert stub.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "1.2.3"
    schema = json.loads(stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert schema == {"name": "toy", "version": "1.2.3"}
    configured = stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"a": "b"})))
    assert configured.acceptSecrets
    assert configured.supportsPreview


def test_a_configuration_that_cannot_work_is_an_error(stub: Stub) -> None:
    request = provider_pb2.ConfigureRequest(args=to_struct({"broken": True}))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Configure(request)
    assert caught.value.details() == "LAB-702 no. Next: fix it."


def test_configuration_is_checked_and_compared(stub: Stub) -> None:
    news = to_struct({"a": Secret("geheim")})
    checked = stub.CheckConfig(provider_pb2.CheckRequest(news=news))
    assert from_struct(checked.inputs) == {"a": Secret("geheim")}
    diff = stub.DiffConfig(
        provider_pb2.DiffRequest(old_inputs=to_struct({"a": 1}), news=to_struct({"a": 2}))
    )
    assert diff.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert not diff.replaces


def test_check_reports_failures_by_property_and_passes_the_seed(stub: Stub) -> None:
    request = provider_pb2.CheckRequest(**TYPE, news=to_struct({"size": 99}), randomSeed=b"\x01")
    response = stub.Check(request)
    assert [(f.property, f.reason) for f in response.failures] == [("size", "is too large.")]
    assert from_struct(response.inputs)["seed"] == "01"


def test_diff_says_what_changes_and_what_replaces(stub: Stub) -> None:
    response = stub.Diff(
        provider_pb2.DiffRequest(
            **TYPE,
            id="1",
            old_inputs=to_struct({"fixed": 1, "map": {"a": 1}, "old": 1}),
            news=to_struct({"fixed": 2, "map": {"a": 2}, "new": 1}),
        )
    )
    kinds = provider_pb2.PropertyDiff.Kind
    assert {path: diff.kind for path, diff in response.detailedDiff.items()} == {
        "fixed": kinds.UPDATE_REPLACE,
        "map.a": kinds.UPDATE,
        "old": kinds.DELETE,
        "new": kinds.ADD,
    }
    assert list(response.replaces) == ["fixed"]
    assert list(response.diffs) == ["fixed", "map", "new", "old"]
    assert response.deleteBeforeReplace


def test_no_change_is_said_so(stub: Stub) -> None:
    same = to_struct({"a": 1})
    response = stub.Diff(provider_pb2.DiffRequest(**TYPE, id="1", old_inputs=same, news=same))
    assert response.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_previews_make_nothing(stub: Stub, toy: Toy) -> None:
    news = to_struct({"size": UNKNOWN, "password": Secret("geheim")})
    created = stub.Create(provider_pb2.CreateRequest(**TYPE, properties=news, preview=True))
    assert not created.id
    assert from_struct(created.properties) == {"size": UNKNOWN, "password": Secret("geheim")}
    updated = stub.Update(provider_pb2.UpdateRequest(**TYPE, id="1", news=news, preview=True))
    assert from_struct(updated.properties)["size"] is UNKNOWN
    assert toy.timeouts == []


def test_a_whole_life(stub: Stub, toy: Toy) -> None:
    inputs = to_struct({"size": 1, "password": Secret("geheim")})
    created = stub.Create(provider_pb2.CreateRequest(**TYPE, properties=inputs, timeout=3))
    assert created.id == "made-1"
    outputs = from_struct(created.properties)
    assert outputs["password"] == Secret("geheim")
    assert outputs["derived"] == Secret("d")
    read = stub.Read(
        provider_pb2.ReadRequest(**TYPE, id="made-1", inputs=inputs, properties=created.properties)
    )
    assert read.id == "made-1"
    assert from_struct(read.properties)["live"] == 1
    assert from_struct(read.properties)["derived"] == Secret("d")
    assert from_struct(read.inputs) == from_struct(inputs)
    news = to_struct({"size": 2})
    updated = stub.Update(
        provider_pb2.UpdateRequest(**TYPE, id="made-1", old_inputs=inputs, news=news)
    )
    assert from_struct(updated.properties) == {"size": 2, "was": 1}
    stub.Delete(provider_pb2.DeleteRequest(**TYPE, id="made-1"))
    assert toy.timeouts == [3, 7, 7]


def test_what_is_gone_reads_as_nothing(stub: Stub) -> None:
    read = stub.Read(provider_pb2.ReadRequest(**TYPE, id="gone"))
    assert not read.id


def test_logs_go_to_the_engine_without_secrets(stub: Stub, log: Log) -> None:
    inputs = to_struct({"password": Secret("geheim")})
    stub.Create(provider_pb2.CreateRequest(**TYPE, properties=inputs))
    assert [(entry.message, entry.urn, entry.ephemeral) for entry in log.seen] == [
        ("made with [secret]", URN, False),
        ("done", URN, True),
    ]
    assert log.seen[0].severity == engine_pb2.WARNING


def test_an_error_is_told_with_its_code_and_without_secrets(stub: Stub) -> None:
    inputs = to_struct({"mood": "refuse", "password": Secret("geheim")})
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(**TYPE, properties=inputs))
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "LAB-603 no [secret] here. Next: mend it."


def test_what_is_half_made_is_kept(stub: Stub) -> None:
    inputs = to_struct({"mood": "half", "password": Secret("geheim")})
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(**TYPE, properties=inputs))
    trailing: Any = caught.value.trailing_metadata()
    packed = dict(trailing)["grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(detail)
    assert detail.id == "half-1"
    assert from_struct(detail.properties)["password"] == Secret("geheim")
    assert list(detail.reasons) == ["LAB-702 [secret] broke Next: go on."]


def test_an_unknown_type_is_refused(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(provider_pb2.CheckRequest(urn="urn:pulumi:dev::p::a:b:C$toy:index:Other::n"))
    assert caught.value.details() == "toy has no resource type toy:index:Other"


def test_cancel_is_passed_on(stub: Stub, made: Plugin) -> None:
    stub.Cancel(empty_pb2.Empty())
    assert made.cancelled.is_set()


def test_attach_changes_the_engine(made: Plugin, log: Log, engine: str) -> None:
    servicer = Servicer(made, engine_address=None)
    server, address = _serve(
        lambda s: provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, s)
    )
    with grpc.insecure_channel(address) as channel:
        attached = provider_pb2_grpc.ResourceProviderStub(channel)
        attached.Attach(plugin_pb2.PluginAttach(address=engine))
        attached.Create(provider_pb2.CreateRequest(**TYPE, properties=to_struct({})))
    server.stop(None).wait()
    assert log.seen


def test_without_an_engine_messages_go_to_the_log(
    made: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        current().log("alone")
    assert "alone" in caplog.text


def test_a_lost_engine_does_not_fail_a_resource(
    made: Plugin, capsys: pytest.CaptureFixture[str]
) -> None:
    from infra.plugins.engine import Engine

    lost = Engine("127.0.0.1:1")
    lost.send("error", "important", URN, False)
    lost.send("info", "unimportant", URN, False)
    lost.close()
    shown = capsys.readouterr().out
    assert "error: important" in shown
    assert "unimportant" not in shown


def test_types_may_be_found_by_a_function() -> None:
    found = plugin("toy", "1", lambda token: Toy() if token == "x" else None)
    assert isinstance(found.find("x"), Toy)
    assert found.find("y") is None
    found.configure({})
    assert found.check_config({"a": 1}) == Checked({"a": 1})
