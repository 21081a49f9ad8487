"""One way to run a Pulumi program in a test: against mocks, with everything that was declared.

Errors anywhere in the program, also in an `apply`, fail the deployment; formatting an Output into
a string is one. Computed outputs are known in `up` and unknown in a first `preview`, so that a
program that needs a value too early shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

#: Outputs that a provider would compute, by resource type.
Computed = Mapping[str, Callable[[str, dict[str, Any]], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A declared resource; everything that refers to another one is that one's URN."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    provider: str
    custom: bool
    depends_on: frozenset[str]
    deleted_with: str
    #: What must change for it to be made anew; `rpc.UNKNOWN` if that is not known yet.
    replacement_trigger: str
    delete_before_replace: bool
    retain_on_delete: bool
    protect: bool


@dataclass(slots=True)
class Deployment:
    """What a program declared, in order, and what it exported."""

    resources: list[Resource] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def of_type(self, token: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == token]

    def named(self, name: str, token: str = "") -> Resource:
        """The one resource of this name (and type)."""
        found = [
            resource
            for resource in self.resources
            if resource.name == name and token in ("", resource.type)
        ]
        assert len(found) == 1, f"{len(found)} resources are called {name}"
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        return next(resource for resource in self.resources if resource.urn == urn)

    def waits_for(self, resource: Resource, token: str = "") -> set[str]:
        """Names of everything (of that type) that is made before this resource, in whatever way
        the program says so.
        """
        known = {entry.urn: entry for entry in self.resources}
        found: set[str] = set()
        pending = [resource]
        while pending:
            one = pending.pop()
            before = {*one.depends_on, one.parent, one.provider.rpartition("::")[0]}
            for urn in before & known.keys():
                if urn not in found:
                    found.add(urn)
                    pending.append(known[urn])
        return {known[urn].name for urn in found if token in ("", known[urn].type)}


class _Provider(mocks.Mocks):
    """Inputs come back as outputs, with what a provider of that type would compute."""

    def __init__(self, computed: Computed, *, preview: bool) -> None:
        self._computed = computed
        self._preview = preview

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program calls {args.token}, which the harness does not know")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        compute = self._computed.get(args.typ)
        outputs = compute(args.name, args.inputs) if compute else {}
        if self._preview:
            outputs = dict.fromkeys(outputs, rpc.UNKNOWN)
        return f"{args.name}-id", {**args.inputs, **outputs}


class _Monitor(mocks.MockMonitor):
    def __init__(self, provider: _Provider, deployment: Deployment) -> None:
        super().__init__(provider)
        self._deployment = deployment

    def RegisterResource(  # noqa: N802 - gRPC's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        answer: resource_pb2.RegisterResourceResponse = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self._deployment.resources.append(_resource(request, answer.urn))
        return answer

    def RegisterResourceOutputs(  # noqa: N802 - gRPC's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> Any:
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self._deployment.exports.update(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _resource(request: resource_pb2.RegisterResourceRequest, urn: str) -> Resource:
    return Resource(
        urn=urn,
        type=request.type,
        name=request.name,
        inputs=rpc.deserialize_properties(request.object, keep_unknowns=True),
        parent=request.parent,
        provider=request.provider,
        custom=request.custom,
        depends_on=frozenset(request.dependencies),
        deleted_with=request.deletedWith,
        replacement_trigger=request.replacement_trigger.string_value,
        delete_before_replace=request.deleteBeforeReplace,
        retain_on_delete=request.retainOnDelete,
        protect=request.protect,
    )


def deploy(
    program: Callable[[], None],
    *,
    computed: Computed | None = None,
    preview: bool = False,
    config: Mapping[str, str] | None = None,
    stack: str = "local",
) -> Deployment:
    """Runs `program` to its end and returns what it declared.

    Raises what the program raised.
    """
    deployment = Deployment()
    provider = _Provider(computed or {}, preview=preview)

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(executor)
        mocks.set_mocks(
            provider,
            project="ai-lab",
            stack=stack,
            preview=preview,
            monitor=_Monitor(provider, deployment),
        )
        # Away with the stack that set_mocks makes: the program gets one that keeps its exports.
        settings.set_root_resource(None)  # type: ignore[arg-type]
        pulumi.runtime.set_all_config(dict(config or {}))
        await run_in_stack(program)

    with pytest.MonkeyPatch.context() as patch, _one_thread() as executor:
        patch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        asyncio.run(run())
    return deployment


@contextmanager
def _one_thread() -> Iterator[ThreadPoolExecutor]:
    """Where the monitor works: one after the other, in a loop of its own that is closed."""
    loop = asyncio.new_event_loop()
    try:
        with ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(loop,)) as one:
            yield one
    finally:
        loop.close()
