"""How a plugin's process begins and ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import grpc
import pytest

from infra.plugins import serving
from infra.plugins.server import serve

TOY = textwrap.dedent(
    """
    from infra.plugins import serve
    serve("toy", "1", [])
    """
)


class Ended(Exception):
    pass


@pytest.fixture
def own_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets this process be a plugin for a while."""

    def end(status: int) -> None:
        raise Ended(status)

    monkeypatch.setattr(os, "_exit", end)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _port_then_signal(server: grpc.Server) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_serves_until_the_engine_interrupts(
    own_signals: None, capsys: pytest.CaptureFixture[str]
) -> None:
    cancelled = threading.Event()
    ended: list[bool] = []
    with pytest.raises(Ended) as caught:
        serving.run_server(
            _port_then_signal,
            cancelled=cancelled,
            at_end=lambda: ended.append(cancelled.is_set()),
        )
    assert caught.value.args == (0,)
    assert ended == [True]
    assert int(capsys.readouterr().out) > 0


def test_serve_is_a_whole_program(
    own_signals: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["pulumi-resource-toy", "127.0.0.1:1", "--logflow"])
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Ended):
        serve("toy", "1", [])
    assert int(capsys.readouterr().out) > 0


def test_ends_quietly_on_an_interrupt() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TOY, "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_does_not_outlive_a_killed_engine() -> None:
    engine = textwrap.dedent(
        f"""
        import subprocess, sys, time
        plugin = subprocess.Popen([sys.executable, "-c", {TOY!r}, "127.0.0.1:1"],
                                  stdout=subprocess.PIPE)
        plugin.stdout.readline()
        print(plugin.pid, flush=True)
        plugin.wait()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", engine], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        plugin = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        poller = select.poll()
        poller.register(plugin, select.POLLIN)
        assert poller.poll(60_000)
    os.close(plugin)
