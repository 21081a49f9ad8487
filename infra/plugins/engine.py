"""The way back to the engine: its log, and the knowledge that it is still there."""

from __future__ import annotations

import os
import select
from typing import Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from infra.plugins.call import Severity

#: Messages may carry whole manifests; the engine allows the same.
MESSAGE_LIMIT: Final = 400 * 1024 * 1024
CHANNEL_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
]

_SEVERITIES: Final = {
    "debug": engine_pb2.DEBUG,
    "info": engine_pb2.INFO,
    "warning": engine_pb2.WARNING,
    "error": engine_pb2.ERROR,
}


class Engine:
    """The engine's log. A lost message is not worth failing a resource for."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = engine_pb2_grpc.EngineStub(self._channel)

    def send(self, severity: Severity, message: str, urn: str, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(
            severity=_SEVERITIES[severity], message=message, urn=urn, ephemeral=ephemeral
        )
        try:
            self._stub.Log(request, timeout=5)
        except grpc.RpcError as error:
            if severity in ("warning", "error"):
                print(f"{severity}: {message} (engine's log: {error})", flush=True)

    def close(self) -> None:
        self._channel.close()


def parent_watch() -> int:
    """A file descriptor that becomes readable when the process that started us has ended."""
    return os.pidfd_open(os.getppid())


def wait_for_either(first: int, second: int) -> None:
    """Blocks until one of two file descriptors is readable."""
    poller = select.poll()
    poller.register(first, select.POLLIN)
    poller.register(second, select.POLLIN)
    poller.poll()
