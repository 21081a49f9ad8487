"""What a PostgreSQL server says to who comes: with which certificate, from where, over what TLS.

Standard library only: the file is also run on the nodes, since nobody else reaches the server
(`python3 postgresql.py '[{...}]'`, attempts and answers as JSON). An attempt ends where the server
lets somebody in or not; no question is ever asked of a database.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_PROTOCOL = 196608
#: Ways of proving who one is that the server may ask for (AuthenticationRequest).
_WAYS = {0: "accepted", 3: "asks for a password (password)", 5: "asks for a password (md5)",
         10: "asks for a password (scram)"}  # fmt: skip


def attempt(
    address: tuple[str, int],
    *,
    user: str,
    database: str,
    certificate: str = "",
    key: str = "",
    tls: bool = True,
    source: str = "",
    timeout: float = 5,
) -> str:
    """`accepted`, `refused: WHY`, `asks for a password (KIND)`, or `unreachable: WHY`.

    `certificate` and `key` are paths of PEM files; without them none is shown. `source` is the
    address to come from.
    """
    try:
        connection = socket.create_connection(
            address, timeout, source_address=(source, 0) if source else None
        )
    except OSError as error:
        return f"unreachable: {error}"
    with connection:
        try:
            if not tls:
                return _introduced(connection, user, database)
            with _secured(connection, certificate, key) as secured:
                return _introduced(secured, user, database)
        except ssl.SSLError as error:
            # In TLS 1.3 the server judges the certificate after the client is done.
            return f"refused: {error.reason or error}"
        except OSError as error:
            return f"refused: the server hung up ({error})"


def _secured(connection: socket.socket, certificate: str, key: str) -> ssl.SSLSocket:
    connection.sendall(_SSL_REQUEST)
    if connection.recv(1) != b"S":
        raise ConnectionError("it speaks no TLS")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Its certificate is looked at by another check.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context.wrap_socket(connection)


def _introduced(connection: socket.socket, user: str, database: str) -> str:
    words = f"user\0{user}\0database\0{database}\0\0".encode()
    connection.sendall(struct.pack("!ii", 8 + len(words), _PROTOCOL) + words)
    kind, size = struct.unpack("!ci", _read(connection, 5))
    body = _read(connection, size - 4)
    if kind == b"R":
        way = struct.unpack("!i", body[:4])[0]
        return _WAYS.get(way, f"asks for {way}")
    if kind == b"E":
        fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
        return f"refused: {fields.get(b'M', '')} ({fields.get(b'C', '')})"
    return f"unclear: a message of type {kind!r}"


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("it ended the connection")
        data += part
    return data


def answers(attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Several attempts, each with `host` and `port` besides the arguments of `attempt`."""
    return [
        attempt(
            (str(one["host"]), int(one["port"])),
            **{name: value for name, value in one.items() if name not in ("host", "port")},
        )
        for one in attempts
    ]


if __name__ == "__main__":
    print(json.dumps(answers(json.loads(sys.argv[1]))))
