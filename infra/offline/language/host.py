"""`pulumi-language-python`: Pulumi's LanguageRuntime protocol.

Programs run in a process of their own with this interpreter, and so do policy packs: the engine
starts a pack as a plugin of kind "analyzer" through `RunPlugin` and reads its port from the
output that is streamed back.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import threading
from collections.abc import Iterator

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from infra.offline.language.processes import Children, output
from infra.offline.language.program import TOLD, program_path
from infra.plugins.serving import run_server


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """One host serves one `pulumi` command."""

    def __init__(self, engine: str, children: Children) -> None:
        self._engine = engine
        self._children = children

    def Handshake(  # noqa: N802 - names of the protocol
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPackages(  # noqa: N802
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """None: what is named here the engine would try to download before anything else."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(  # noqa: N802
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(  # noqa: N802
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        return language_pb2.AboutResponse(
            executable=sys.executable, version=platform.python_version()
        )

    def GetProgramDependencies(  # noqa: N802
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        found = {item.name: item.version for item in importlib.metadata.distributions()}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in sorted(found.items())
            ]
        )

    def InstallDependencies(  # noqa: N802
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        text = "The lab's script installs the Python packages; there is nothing to do.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        command = [sys.executable, "-u", "-m", "infra.offline.language.program", self._engine]
        status = self._children.run(command, stdin=request.SerializeToString())
        if status == TOLD:
            return language_pb2.RunResponse(bail=True)
        if status:
            return language_pb2.RunResponse(error=f"the program ended with status {status}")
        return language_pb2.RunResponse()

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        environment = dict(entry.split("=", 1) for entry in request.env) or dict(os.environ)
        process = self._children.start(
            [sys.executable, "-u", program_path(request.info), *request.args],
            folder=request.pwd or request.info.program_directory,
            environment=environment,
        )
        # The engine ends a plugin by dropping this call.
        context.add_callback(process.terminate)
        try:
            for name, chunk in output(process):
                if name == "stdout":
                    yield language_pb2.RunPluginResponse(stdout=chunk)
                else:
                    yield language_pb2.RunPluginResponse(stderr=chunk)
        finally:
            status = self._children.finish(process)
        yield language_pb2.RunPluginResponse(exitcode=status)

    def Cancel(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._children.terminate()
        return empty_pb2.Empty()


def main() -> None:
    parser = argparse.ArgumentParser(prog="pulumi-language-python")
    parser.add_argument("engine", help="address of the engine (host:port)")
    arguments, _ = parser.parse_known_args()
    children = Children()
    host = LanguageHost(arguments.engine, children)

    def register(server: grpc.Server) -> None:
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)

    run_server(register, cancelled=threading.Event(), at_end=children.terminate)


if __name__ == "__main__":
    main()
