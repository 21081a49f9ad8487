"""What a TLS server really accepts: each protocol and each weak cipher is tried by a handshake.

Standard library only: the file is also run on the machines, for servers that listen on the
loopback address there (`python3 tls.py HOST PORT [postgresql]`, answers as JSON).
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import warnings
from collections.abc import Sequence

#: Everything that an OpenSSL client can still offer, however weak.
_EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

#: Alerts by which a server says that it does not speak this protocol or cipher (RFC 8446, 6).
_REFUSALS = {40: "handshake_failure", 70: "protocol_version", 71: "insufficient_security"}
#: Types of TLS records (RFC 8446, 5.1).
_ALERT, _HANDSHAKE = 21, 22

#: What is said before TLS begins, and the answer that lets it: PostgreSQL's SSLRequest.
POSTGRESQL = (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S")

OLD_VERSIONS = ("TLSv1", "TLSv1_1")
MODERN_VERSIONS = ("TLSv1_2", "TLSv1_3")


def weak_ciphers() -> list[str]:
    """TLS 1.2 ciphers without forward secrecy, without AEAD, or without any encryption."""
    context = _client()
    return sorted(
        str(cipher["name"])
        for cipher in context.get_ciphers()
        if cipher["protocol"] != "TLSv1.3"
        and not (
            cipher.get("aead")
            and str(cipher["name"]).startswith(("ECDHE-", "DHE-"))
            and "CCM8" not in str(cipher["name"])
        )
        # Pre-shared keys and SRP need a secret that no server of ours has.
        and not any(part in str(cipher["name"]) for part in ("PSK", "SRP"))
    )


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(_EVERYTHING)
    return context


def attempt(
    address: tuple[str, int],
    *,
    version: str,
    ciphers: Sequence[str] = (),
    before: tuple[bytes, bytes] = (b"", b""),
    timeout: float = 5,
) -> str:
    """One hello with exactly this version: `accepted CIPHER`, `refused ...`, or what went wrong.

    The server's first record decides. The handshake is not finished: what comes after it (a
    client certificate that we do not have, say) says nothing about the floor.
    """
    context = _client()
    with warnings.catch_warnings():
        # Offering an old protocol is the purpose here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[version]
        context.maximum_version = ssl.TLSVersion[version]
    if ciphers:
        context.set_ciphers(":".join(ciphers) + ":@SECLEVEL=0")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=address[0]).do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()
    try:
        with socket.create_connection(address, timeout=timeout) as connection:
            connection.sendall(before[0])
            if _read(connection, len(before[1])) != before[1]:
                return "unreachable: it speaks no TLS"
            connection.sendall(hello)
            kind, payload = _first_record(connection)
    except OSError as error:
        return f"unreachable: {error}"
    if kind == _HANDSHAKE and len(payload) > 40:
        session_end = 39 + payload[38]
        return f"accepted {_cipher(payload[session_end : session_end + 2])}"
    if kind == _ALERT and payload[1] in _REFUSALS:
        return f"refused ({_REFUSALS[payload[1]]})"
    return f"unclear: a record of type {kind} ({payload[:2].hex()})"


def _first_record(connection: socket.socket) -> tuple[int, bytes]:
    header = _read(connection, 5)
    return header[0], _read(connection, int.from_bytes(header[3:5], "big"))


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the server hung up before it answered")
        data += part
    return data


def _cipher(code: bytes) -> str:
    """Name of a cipher by its two bytes in a ServerHello."""
    number = int.from_bytes(code, "big")
    names = (str(c["name"]) for c in _client().get_ciphers() if int(c["id"]) & 0xFFFF == number)
    return next(names, code.hex())


def survey(address: tuple[str, int], before: tuple[bytes, bytes] = (b"", b"")) -> dict[str, str]:
    """Answers to all attempts, by protocol version; `weak` stands for the weak ciphers."""
    answers = {
        version: attempt(address, version=version, before=before)
        for version in (*OLD_VERSIONS, *MODERN_VERSIONS)
    }
    answers["weak"] = attempt(address, version="TLSv1_2", ciphers=weak_ciphers(), before=before)
    return answers


def faults(answers: dict[str, str]) -> list[str]:
    """What is wrong with a server that answered so; empty if its floor holds."""
    found = [
        f"{version}: {answers[version]}"
        for version in OLD_VERSIONS
        if not answers[version].startswith("refused")
    ]
    if not answers["weak"].startswith("refused"):
        found.append(f"ciphers without forward secrecy or AEAD: {answers['weak']}")
    # The positive control: a server that refuses everything proves nothing.
    if not any(answers[version].startswith("accepted") for version in MODERN_VERSIONS):
        found.append("no modern version accepted: " + ", ".join(sorted(answers.values())))
    return found


if __name__ == "__main__":
    opening = {"before": POSTGRESQL} if sys.argv[3:] == ["postgresql"] else {}
    print(json.dumps(survey((sys.argv[1], int(sys.argv[2])), **opening)))
