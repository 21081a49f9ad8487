"""Pulumi's ResourceProvider protocol over a plugin's resource types."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from infra.errors import LabError
from infra.plugins import call
from infra.plugins.components import concealed, construct
from infra.plugins.diffing import compare
from infra.plugins.engine import Engine
from infra.plugins.resource import Checked, Diff, Incomplete, ResourceType
from infra.plugins.secrets import mark, scrub, secret_texts
from infra.plugins.server import Plugin
from infra.plugins.values import contains_secret, from_struct, strip_secrets, to_struct

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
        """Secrets come marked, so that no message of ours shows one."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

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
        return _checked(self._serve(request, context, self._plugin.check_config, news), news)

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A changed configuration never replaces what was made with the old one."""
        olds, news = from_struct(request.old_inputs), from_struct(request.news)
        return _diffed(Diff(compare(strip_secrets(olds), strip_secrets(news))))

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._serve(request, context, self._plugin.configure, from_struct(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        type_ = self._type(request, context)
        olds, news = from_struct(request.olds), from_struct(request.news)
        return _checked(self._serve(request, context, type_.check, olds, news), news)

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        type_ = self._type(request, context)
        diff = partial(type_.diff, request.id)
        inputs, outputs = from_struct(request.old_inputs), from_struct(request.olds)
        news = from_struct(request.news)
        return _diffed(self._serve(request, context, diff, inputs, outputs, news))

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        type_ = self._type(request, context)
        news = from_struct(request.properties)
        if request.preview:
            outputs = self._serve(request, context, type_.preview, news)
            return provider_pb2.CreateResponse(
                id=self._serve(request, context, type_.preview_id, news),
                properties=to_struct(mark(outputs, news)),
            )
        create = partial(type_.create, timeout=request.timeout or type_.default_timeout)
        made = self._serve(request, context, create, news)
        return provider_pb2.CreateResponse(
            id=made.id, properties=to_struct(mark(made.outputs, news))
        )

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        type_ = self._type(request, context)
        inputs, outputs = from_struct(request.inputs), from_struct(request.properties)
        read = partial(type_.read, request.id)
        found = self._serve(request, context, read, inputs, outputs)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id or request.id,
            properties=to_struct(mark(found.outputs, outputs)),
            inputs=to_struct(mark(found.inputs, inputs)),
        )

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        type_ = self._type(request, context)
        inputs, olds = from_struct(request.old_inputs), from_struct(request.olds)
        news = from_struct(request.news)
        if request.preview:
            preview = partial(type_.preview_update, request.id)
            outputs = self._serve(request, context, preview, inputs, olds, news)
        else:
            timeout = request.timeout or type_.default_timeout
            update = partial(type_.update, request.id, timeout=timeout)
            outputs = self._serve(request, context, update, inputs, olds, news)
        return provider_pb2.UpdateResponse(properties=to_struct(mark(outputs, news)))

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        type_ = self._type(request, context)
        inputs, outputs = from_struct(request.old_inputs), from_struct(request.properties)
        timeout = request.timeout or type_.default_timeout
        delete = partial(type_.delete, request.id, timeout=timeout)
        self._serve(request, context, delete, inputs, outputs)
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        try:
            answer = self._plugin.invoke(request.tok, strip_secrets(from_struct(request.args)))
        except LabError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        response = provider_pb2.InvokeResponse()
        # The field has the name of a word of Python's.
        getattr(response, "return").CopyFrom(to_struct(answer))
        return response

    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """Of secret inputs every member is secret, but for what says which object it is."""
        inputs = from_struct(request.inputs)
        secrets = secret_texts(inputs)
        try:
            steps = self._plugin.members(request.type, request.name, strip_secrets(inputs))
        except LabError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, scrub(str(error), secrets))
        if contains_secret(inputs):
            steps = [[concealed(member) for member in step] for step in steps]
        try:
            return construct(
                request, steps, package=self._plugin.name, version=self._plugin.version
            )
        except grpc.RpcError as error:
            # The engine has told what is wrong with a member; the component is not there without.
            context.abort(error.code(), scrub(error.details() or "", secrets))

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
        self,
        request: Any,
        context: grpc.ServicerContext,
        work: Callable[..., _Result],
        *given: dict[str, Any],
    ) -> _Result:
        """Runs `work` on the plain values of `given`; tells what it raises in the engine's way."""
        secrets = secret_texts(*given)
        send = self._engine.send if self._engine is not None else call.to_logging

        def scrubbed(severity: call.Severity, message: str, urn: str, ephemeral: bool) -> None:
            send(severity, scrub(message, secrets), urn, ephemeral)

        call.enter(
            call.Call(
                urn=request.urn,
                name=request.name,
                random_seed=getattr(request, "randomSeed", b""),
                cancelled=self._plugin.cancelled,
                send=scrubbed,
            )
        )
        try:
            return work(*(strip_secrets(properties) for properties in given))
        except Incomplete as error:
            outputs = mark(error.outputs, given[-1])
            _abort_incomplete(context, scrub(str(error.cause), secrets), error.id, outputs)
        except LabError as error:
            # Not INTERNAL or UNKNOWN: for those the engine doubts its whole state.
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, scrub(str(error), secrets))


def _abort_incomplete(
    context: grpc.ServicerContext, reason: str, id_: str, outputs: dict[str, Any]
) -> NoReturn:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=id_, properties=to_struct(outputs), reasons=[reason]
        )
    )
    code = grpc.StatusCode.FAILED_PRECONDITION
    status = status_pb2.Status(code=code.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason)


def _checked(checked: Checked, news: dict[str, Any]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        inputs=to_struct(mark(checked.inputs, news)),
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
