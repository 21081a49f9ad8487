"""The language host over real gRPC, and the program runner against a small monitor."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime import settings as pulumi_settings
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from infra.offline.language import host as host_module
from infra.offline.language import program
from infra.offline.language.host import LanguageHost
from infra.offline.language.processes import Children


class Engine(engine_pb2_grpc.EngineServicer, resource_pb2_grpc.ResourceMonitorServicer):
    """The engine and its resource monitor in one."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.registered: list[str] = []
        self.outputs: dict[str, Any] = {}

    def Log(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        if request.severity == engine_pb2.ERROR:
            self.logged.append(request.message)
        return empty_pb2.Empty()

    def SupportsFeature(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def GetDeploymentInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return resource_pb2.DeploymentInfo()

    def RegisterResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.registered.append(request.type)
        urn = f"urn:pulumi:dev::test::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(urn=urn)

    def SignalAndWaitForShutdown(  # noqa: N802
        self, request: Any, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def RegisterResourceOutputs(  # noqa: N802
        self, request: Any, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self.outputs = dict(request.outputs.items())
        return empty_pb2.Empty()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def stub(address: str) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    children = Children()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(address, children), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)
    children.terminate()
    server.stop(None).wait()


Stub = language_pb2_grpc.LanguageRuntimeStub


def info(folder: Path, text: str) -> language_pb2.ProgramInfo:
    (folder / "__main__.py").write_text(text)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point="."
    )


def request(folder: Path, text: str, address: str, **more: Any) -> language_pb2.RunRequest:
    return language_pb2.RunRequest(
        project="test",
        stack="dev",
        monitor_address=address,
        pwd=str(folder),
        info=info(folder, text),
        parallel=2**31 - 1,
        **more,
    )


class TestHost:
    def test_introduces_itself(self, stub: Stub) -> None:
        assert stub.GetPluginInfo(empty_pb2.Empty()).version.startswith("3.")
        about = stub.About(language_pb2.AboutRequest())
        assert about.executable == sys.executable
        found = stub.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest())
        assert "pulumi" in {entry.name for entry in found.dependencies}

    def test_asks_for_nothing_to_be_downloaded(self, stub: Stub) -> None:
        packages = stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest())
        assert not packages.packages
        assert not stub.GetRequiredPlugins(language_pb2.GetRequiredPluginsRequest()).plugins
        assert not stub.RuntimeOptionsPrompts(language_pb2.RuntimeOptionsRequest()).prompts
        installed = stub.InstallDependencies(language_pb2.InstallDependenciesRequest())
        assert b"nothing to do" in b"".join(part.stdout for part in installed)

    def test_runs_a_program(self, stub: Stub, address: str, engine: Engine, tmp_path: Path) -> None:
        stub.Handshake(language_pb2.LanguageHandshakeRequest(engine_address=address))
        text = "import pulumi; pulumi.export('x', pulumi.Config().require('key'))"
        done = stub.Run(request(tmp_path, text, address, config={"test:key": "value"}))
        assert (done.error, done.bail) == ("", False)
        assert engine.outputs == {"x": "value"}

    def test_says_how_a_program_ended(self, stub: Stub, address: str, tmp_path: Path) -> None:
        assert stub.Run(request(tmp_path, "raise ValueError", address)).bail
        ended = stub.Run(request(tmp_path, "import os; os._exit(3)", address))
        assert ended.error == "the program ended with status 3"

    def test_streams_what_a_plugin_writes(self, stub: Stub, tmp_path: Path) -> None:
        text = (
            "import os, sys\n"
            "print(sys.argv[1], os.environ.get('GIVEN'), os.getcwd())\n"
            "print('wrong', file=sys.stderr)\n"
            "sys.exit(4)\n"
        )
        responses = list(
            stub.RunPlugin(
                language_pb2.RunPluginRequest(
                    info=info(tmp_path, text), args=["first"], env=["GIVEN=a=b"]
                )
            )
        )
        shown = b"".join(response.stdout for response in responses)
        assert shown.decode() == f"first a=b {tmp_path}\n"
        assert b"".join(response.stderr for response in responses) == b"wrong\n"
        assert responses[-1].exitcode == 4

    def test_a_plugin_ends_with_its_call(self, stub: Stub, tmp_path: Path) -> None:
        text = "import os, threading; print(os.getpid(), flush=True); threading.Event().wait()"
        call = stub.RunPlugin(language_pb2.RunPluginRequest(info=info(tmp_path, text)))
        plugin = os.pidfd_open(int(next(call).stdout))
        call.cancel()
        assert _ends(plugin)

    def test_cancel_ends_every_child_even_a_deaf_one(
        self, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("infra.offline.language.processes._PATIENCE", 0.2)
        text = (
            "import os, signal, threading\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print(os.getpid(), flush=True)\n"
            "threading.Event().wait()\n"
        )
        call = stub.RunPlugin(language_pb2.RunPluginRequest(info=info(tmp_path, text)))
        plugin = os.pidfd_open(int(next(call).stdout))
        stub.Cancel(empty_pb2.Empty())
        assert _ends(plugin)

    def test_is_a_whole_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[dict[str, Any]] = []

        def run_server(register: Any, **options: Any) -> None:
            register(grpc.server(futures.ThreadPoolExecutor(max_workers=1)))
            served.append(options)

        monkeypatch.setattr(host_module, "run_server", run_server)
        monkeypatch.setattr(sys, "argv", ["pulumi-language-python", "-root=x", "127.0.0.1:1"])
        host_module.main()
        assert callable(served[0]["at_end"])


def _ends(descriptor: int) -> bool:
    import select

    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    ended = bool(poller.poll(10_000))
    os.close(descriptor)
    return ended


class TestProgram:
    @pytest.fixture(autouse=True)
    def restored(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
        """The runner owns its process; here it must give it back."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", list(sys.argv))
        monkeypatch.setattr(sys, "path", list(sys.path))
        yield
        pulumi.runtime.reset_options()
        pulumi_settings.set_root_resource(None)  # type: ignore[arg-type]

    def run(self, folder: Path, text: str, address: str, **more: Any) -> int:
        return program.run(request(folder, text, address, **more), address)

    def test_gives_the_program_what_the_engine_says(
        self, tmp_path: Path, address: str, engine: Engine
    ) -> None:
        text = (
            "import pulumi, sys, os\n"
            "pulumi.export('arguments', sys.argv[1:])\n"
            "pulumi.export('folder', os.getcwd())\n"
            "pulumi.export('where', f'{pulumi.get_project()}/{pulumi.get_stack()}')\n"
            "pulumi.export('organization', pulumi.get_organization())\n"
        )
        assert self.run(tmp_path, text, address, args=["a"]) == 0
        assert engine.registered == ["pulumi:pulumi:Stack"]
        assert engine.outputs["folder"] == str(tmp_path)
        assert list(engine.outputs["arguments"]) == ["a"]
        assert engine.outputs["where"] == "test/dev"
        assert engine.outputs["organization"] == "organization"

    def test_shows_where_the_program_failed(
        self, tmp_path: Path, address: str, engine: Engine
    ) -> None:
        text = "def inner():\n    raise ValueError('it broke')\ninner()\n"
        assert self.run(tmp_path, text, address) == program.TOLD
        (shown,) = engine.logged
        assert shown.startswith("the program failed:\n")
        assert "in inner" in shown
        assert shown.rstrip().endswith("ValueError: it broke")
        assert program.__file__ not in shown

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("import pulumi; raise pulumi.RunError('plain words')", "plain words"),
            (
                "from infra.errors import ConfigError\nraise ConfigError('no.', next_step='yes.')",
                "LAB-101 no. Next: yes.",
            ),
        ],
    )
    def test_shows_an_expected_error_as_it_is(
        self, tmp_path: Path, address: str, engine: Engine, text: str, shown: str
    ) -> None:
        assert self.run(tmp_path, text, address) == program.TOLD
        assert engine.logged == [shown]

    def test_a_broken_program_is_told_too(
        self, tmp_path: Path, address: str, engine: Engine
    ) -> None:
        assert self.run(tmp_path, "this is no python", address) == program.TOLD
        assert "SyntaxError" in engine.logged[0]

    def test_an_engine_that_shuts_down_needs_no_report(
        self, tmp_path: Path, address: str, engine: Engine
    ) -> None:
        text = (
            "import grpc\n"
            "class Gone(grpc.RpcError):\n"
            "    def code(self): return grpc.StatusCode.UNAVAILABLE\n"
            "raise Gone()\n"
        )
        assert self.run(tmp_path, text, address) == program.TOLD
        assert engine.logged == []
