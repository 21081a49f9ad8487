"""Pulumi's ResourceProvider protocol over a plugin's resource types."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from infra.errors import LabError
from infra.plugins import call
from infra.plugins.diffing import compare
from infra.plugins.engine import Engine
from infra.plugins.resource import Checked, Diff, Incomplete, ResourceType
from infra.plugins.server import Plugin
from infra.plugins.values import from_struct, to_struct

_Result = TypeVar("_Result")
_Kind = provider_pb2.PropertyDiff.Kind
_KINDS: dict[tuple[str, bool], _Kind.ValueType] = {
    ("add", False): _Kind.ADD,
    ("add", True): _Kind.ADD_REPLACE,
    ("update", False): _Kind.UPDATE,
    ("update", True): _Kind.UPDATE_REPLACE,
    ("delete", False): _Kind.DELETE,
    ("delete", True): _Kind.DELETE_REPLACE,
}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates; decides nothing. One instance serves the whole life of the plugin."""

    def __init__(self, plugin: Plugin, *, engine_address: str | None) -> None:
        self._plugin = plugin
        self._engine = Engine(engine_address) if engine_address else None

    def Handshake(  # noqa: N802 - names of the protocol
        self,
        request: provider_pb2.ProviderHandshakeRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Secrets are not accepted: the engine unwraps them and marks the outputs again."""
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(  # noqa: N802
        self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._engine = Engine(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._plugin.version)

    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        schema = {"name": self._plugin.name, "version": self._plugin.version}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def Cancel(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._plugin.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        news = from_struct(request.news)
        return _checked(self._serve(request, context, lambda: self._plugin.check_config(news)))

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A changed configuration never replaces what was made with the old one."""
        return _diffed(Diff(compare(from_struct(request.old_inputs), from_struct(request.news))))

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        config = from_struct(request.args)
        self._serve(request, context, lambda: self._plugin.configure(config))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        type_ = self._type(request, context)
        olds, news = from_struct(request.olds), from_struct(request.news)
        return _checked(self._serve(request, context, lambda: type_.check(olds, news)))

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        type_ = self._type(request, context)
        inputs, outputs = from_struct(request.old_inputs), from_struct(request.olds)
        news = from_struct(request.news)
        return _diffed(
            self._serve(request, context, lambda: type_.diff(request.id, inputs, outputs, news))
        )

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        type_ = self._type(request, context)
        news = from_struct(request.properties)
        if request.preview:
            outputs = self._serve(request, context, lambda: type_.preview(news))
            return provider_pb2.CreateResponse(properties=to_struct(outputs))
        timeout = request.timeout or type_.default_timeout
        made = self._serve(request, context, lambda: type_.create(news, timeout=timeout))
        return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.outputs))

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        type_ = self._type(request, context)
        inputs, outputs = from_struct(request.inputs), from_struct(request.properties)
        found = self._serve(request, context, lambda: type_.read(request.id, inputs, outputs))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id or request.id,
            properties=to_struct(found.outputs),
            inputs=to_struct(found.inputs),
        )

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        type_ = self._type(request, context)
        news = from_struct(request.news)
        if request.preview:
            outputs = self._serve(request, context, lambda: type_.preview(news))
            return provider_pb2.UpdateResponse(properties=to_struct(outputs))
        inputs, olds = from_struct(request.old_inputs), from_struct(request.olds)
        timeout = request.timeout or type_.default_timeout
        outputs = self._serve(
            request,
            context,
            lambda: type_.update(request.id, inputs, olds, news, timeout=timeout),
        )
        return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        type_ = self._type(request, context)
        inputs, outputs = from_struct(request.old_inputs), from_struct(request.properties)
        timeout = request.timeout or type_.default_timeout
        self._serve(
            request, context, lambda: type_.delete(request.id, inputs, outputs, timeout=timeout)
        )
        return empty_pb2.Empty()

    def _type(self, request: Any, context: grpc.ServicerContext) -> ResourceType:
        token = request.type or request.urn.split("::")[2].split("$")[-1]
        found = self._plugin.find(token)
        if found is None:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{self._plugin.name} has no resource type {token}",
            )
        return found

    def _serve(
        self, request: Any, context: grpc.ServicerContext, work: Callable[[], _Result]
    ) -> _Result:
        """Runs `work` as the current call; turns what it raises into the engine's terms."""
        facts: dict[str, Any] = {"cancelled": self._plugin.cancelled}
        if self._engine is not None:
            facts["send"] = self._engine.send
        seed = getattr(request, "randomSeed", b"")
        call.enter(call.Call(urn=request.urn, name=request.name, random_seed=seed, **facts))
        try:
            return work()
        except Incomplete as error:
            _abort_incomplete(context, error)
        except LabError as error:
            # Not INTERNAL or UNKNOWN: for those the engine doubts its whole state.
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


def _abort_incomplete(context: grpc.ServicerContext, error: Incomplete) -> NoReturn:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id,
            properties=to_struct(error.outputs),
            reasons=[str(error.cause)],
        )
    )
    code = grpc.StatusCode.FAILED_PRECONDITION
    status = status_pb2.Status(code=code.value[0], message=str(error.cause), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, str(error.cause))


def _checked(checked: Checked) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        inputs=to_struct(checked.inputs),
        failures=[
            provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
            for failure in checked.failures
        ],
    )


def _diffed(diff: Diff) -> provider_pb2.DiffResponse:
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if diff.changes else none,
        diffs=sorted({path.split(".")[0].split("[")[0] for path in diff.changes}),
        replaces=sorted(diff.replaces),
        deleteBeforeReplace=diff.delete_before_replace,
        hasDetailedDiff=True,
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=_KINDS[kind, path in diff.replaces], inputDiff=path not in diff.live
            )
            for path, kind in diff.changes.items()
        },
    )
