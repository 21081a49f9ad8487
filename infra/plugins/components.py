"""Components that a plugin makes: resources that consist of others (Pulumi's `Construct`).

Each member is registered with the engine like a resource of the program itself, so that policies
see it, and the plan and the state have it under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from infra.plugins.engine import CHANNEL_OPTIONS
from infra.plugins.values import Secret, to_struct

#: Members that are registered at once; each waits until its resource is made.
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Member:
    """One resource of a component."""

    type: str
    name: str
    inputs: dict[str, Any]


#: The members of a component by its type, name and inputs, in steps: each step is made after the
#: one before it. Raises a LabError if it has none.
Members = Callable[[str, str, dict[str, Any]], Sequence[Sequence[Member]]]


def concealed(member: Member) -> Member:
    """The same with everything secret but what says which object it is."""
    shown = ("apiVersion", "kind", "metadata")
    hidden = {key: value if key in shown else Secret(value) for key, value in member.inputs.items()}
    return Member(member.type, member.name, hidden)


def construct(
    request: provider_pb2.ConstructRequest,
    steps: Sequence[Sequence[Member]],
    *,
    package: str,
    version: str,
) -> provider_pb2.ConstructResponse:
    """Registers a component and its members.

    Args:
        request: of the engine.
        steps: what the component consists of.
        package: name of the plugin; members are of its provider.
        version: of the plugin, as the program's own resources name it.

    Raises:
        grpc.RpcError: the engine refused one; it has said why.
    """
    channel = grpc.insecure_channel(request.monitorEndpoint, options=CHANNEL_OPTIONS)
    with closing(channel):
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        urn = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type,
                name=request.name,
                parent=request.parent,
                protect=request.protect,
                dependencies=request.dependencies,
                providers=request.providers,
                aliases=request.aliases,
                aliasSpecs=True,
                acceptSecrets=True,
            )
        ).urn
        before: list[str] = list(request.dependencies)
        for step in steps:
            made = _registered(
                monitor,
                (
                    resource_pb2.RegisterResourceRequest(
                        type=member.type,
                        name=member.name,
                        parent=urn,
                        custom=True,
                        object=to_struct(member.inputs),
                        protect=request.protect,
                        dependencies=before,
                        provider=request.providers.get(package, ""),
                        version=version,
                        acceptSecrets=True,
                    )
                    for member in step
                ),
            )
            before = [*before, *made]
        monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=urn))
        return provider_pb2.ConstructResponse(urn=urn)


def _registered(
    monitor: resource_pb2_grpc.ResourceMonitorStub,
    requests: Iterable[resource_pb2.RegisterResourceRequest],
) -> list[str]:
    with futures.ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return [answer.urn for answer in pool.map(monitor.RegisterResource, requests)]
