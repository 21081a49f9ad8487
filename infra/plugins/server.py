"""`serve`: a provider plugin out of resource types."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from infra.errors import PluginFailed
from infra.plugins.components import Member, Members
from infra.plugins.resource import Checked, ResourceType
from infra.plugins.serving import run_server

#: Takes the provider's own configuration; raises a LabError if it cannot serve with it.
Configure = Callable[[dict[str, Any]], None]
#: Validates the provider's own configuration, like `ResourceType.check`.
CheckConfig = Callable[[dict[str, Any]], Checked]
#: Answers a function of the provider, by its token; raises a LabError if there is none.
Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plugin:
    """Everything that makes one plugin."""

    name: str
    version: str
    #: Finds the type of a token; None for a type that the plugin does not have.
    find: Callable[[str], ResourceType | None]
    check_config: CheckConfig
    configure: Configure
    invoke: Invoke
    members: Members
    cancelled: threading.Event = field(default_factory=threading.Event)


def _accept(_config: dict[str, Any]) -> None:
    """Configuration of a provider that has none."""


def _no_function(token: str, _arguments: dict[str, Any]) -> dict[str, Any]:
    """Functions of a provider that has none."""
    raise PluginFailed(f"there is no function {token}.", next_step="leave it out of the program.")


def _no_component(type_: str, _name: str, _inputs: dict[str, Any]) -> list[list[Member]]:
    """Components of a provider that has none."""
    raise PluginFailed(f"there is no component {type_}.", next_step="leave it out of the program.")


def plugin(
    name: str,
    version: str,
    types: Sequence[ResourceType] | Callable[[str], ResourceType | None],
    configure: Configure | None = None,
    *,
    check_config: CheckConfig | None = None,
    invoke: Invoke | None = None,
    members: Members | None = None,
) -> Plugin:
    """Joins the parts; `types` is a list, or a function where the types cannot be listed."""
    find = types if callable(types) else {type_.token: type_ for type_ in types}.get
    return Plugin(
        name,
        version,
        find,
        check_config or Checked,
        configure or _accept,
        invoke or _no_function,
        members or _no_component,
    )


def serve(
    name: str,
    version: str,
    types: Sequence[ResourceType] | Callable[[str], ResourceType | None],
    configure: Configure | None = None,
    *,
    check_config: CheckConfig | None = None,
    invoke: Invoke | None = None,
    members: Members | None = None,
) -> None:
    """The `main` of `pulumi-resource-NAME`: prints its port, serves, and ends with the engine."""
    from infra.plugins.servicer import Servicer

    parser = argparse.ArgumentParser(prog=f"pulumi-resource-{name}")
    parser.add_argument("engine", nargs="?", help="address of the engine (host:port)")
    arguments, _ = parser.parse_known_args()
    made = plugin(
        name,
        version,
        types,
        configure,
        check_config=check_config,
        invoke=invoke,
        members=members,
    )
    servicer = Servicer(made, engine_address=arguments.engine)

    def register(server: grpc.Server) -> None:
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)

    run_server(register, cancelled=made.cancelled)
