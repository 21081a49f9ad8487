"""Servers on this host that the lab's pods must not reach; each writes down who came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from infra.hosts.commands import run

#: Where clouds answer with a machine's identity and credentials.
METADATA = "169.254.169.254"


@dataclass(slots=True)
class Visitors:
    """What reached a listener: peer addresses for TCP, asked names for DNS."""

    seen: list[str] = field(default_factory=list)


@contextmanager
def tcp(address: str, port: int) -> Iterator[tuple[int, Visitors]]:
    """Accepts and hangs up; yields the port (0 asks for a free one) and the visitors."""
    visitors = Visitors()
    with socket.create_server((address, port)) as listener:

        def serve() -> bool:
            try:
                connection, peer = listener.accept()
            except OSError:  # closed: the checks are done
                return False
            visitors.seen.append(str(peer[0]))
            connection.close()
            return True

        with _serving(serve, listener):
            yield listener.getsockname()[1], visitors


@contextmanager
def dns(address: str, port: int = 53) -> Iterator[tuple[int, Visitors]]:
    """A name server (UDP) that knows no name and says so."""
    visitors = Visitors()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))

        def serve() -> bool:
            try:
                question, peer = listener.recvfrom(512)
            except OSError:
                return False
            if not question:  # a closed socket reads as nothing
                return False
            visitors.seen.append(asked_name(question))
            listener.sendto(no_such_name(question), peer)
            return True

        with _serving(serve, listener):
            yield listener.getsockname()[1], visitors


@contextmanager
def _serving(serve: Callable[[], bool], listener: socket.socket) -> Iterator[None]:
    def loop() -> None:
        while serve():
            pass

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Wakes the thread; a datagram socket complains that it is not connected, and wakes too.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def asked_name(question: bytes) -> str:
    """The name in a DNS question (RFC 1035, 4.1.2)."""
    labels, position = [], 12
    while position < len(question) and (length := question[position]):
        labels.append(question[position + 1 : position + 1 + length].decode("ascii", "replace"))
        position += 1 + length
    return ".".join(labels)


def question(name: str) -> bytes:
    """A DNS question for the address of `name`."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x4c\x41\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"


def no_such_name(asked: bytes) -> bytes:
    """The answer NXDOMAIN to a question."""
    return asked[:2] + b"\x81\x83" + asked[4:6] + b"\x00" * 6 + asked[12:]


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything on this host that a sandbox must not reach."""

    gateway: str
    gateway_port: int
    gateway_visitors: Visitors
    metadata_visitors: Visitors
    dns_tcp_visitors: Visitors
    dns_udp_visitors: Visitors


@contextmanager
def outside(bridge: str, gateway: str) -> Iterator[Outside]:
    """Puts the metadata address on the lab's bridge and listens on it and on the gateway's own."""
    run(["ip", "address", "replace", f"{METADATA}/32", "dev", bridge])
    with ExitStack() as stack:
        stack.callback(
            run, ["ip", "address", "delete", f"{METADATA}/32", "dev", bridge], check=False
        )
        port, gateway_visitors = stack.enter_context(tcp(gateway, 0))
        _, metadata_visitors = stack.enter_context(tcp(METADATA, 80))
        _, dns_tcp_visitors = stack.enter_context(tcp(gateway, 53))
        _, dns_udp_visitors = stack.enter_context(dns(gateway))
        yield Outside(
            gateway, port, gateway_visitors, metadata_visitors, dns_tcp_visitors, dns_udp_visitors
        )
