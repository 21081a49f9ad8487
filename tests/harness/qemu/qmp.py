"""QEMU's control socket (QMP): one JSON document a line, greeting and handshake first."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Refused(Exception):
    """QEMU refused a command; the text is its own."""


class Session:
    """A conversation with one QEMU."""

    def __init__(self, stream: socket.SocketIO) -> None:
        self._stream = stream
        self._read()
        self.ask("qmp_capabilities")

    def _read(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise ConnectionError("QEMU hung up")
        document: dict[str, Any] = json.loads(line)
        return document

    def ask(self, command: str, **arguments: object) -> object:
        """Runs a command and returns its result; events in between are passed over.

        Raises:
            Refused: QEMU answered with an error.
        """
        request = {"execute": command, "arguments": arguments}
        self._stream.write(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Refused(f"{command}: {answer['error']['desc']}")


@contextmanager
def session(path: Path, *, timeout: float = 10) -> Iterator[Session]:
    """Opens the control socket, which carries one conversation at a time."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        with socket.SocketIO(connection, "rwb") as stream:
            yield Session(stream)
