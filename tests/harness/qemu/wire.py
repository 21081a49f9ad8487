"""What went over a wire: reads a pcap file (libpcap's classic format) and finds what was not
encrypted."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

_IPV4 = 0x0800
_ETHERNET_HEADER = 14
_ICMP, _UDP = 1, 17
_UNREACHABLE = 3
_PROTOCOLS = {_ICMP: "ICMP", 6: "TCP", _UDP: "UDP"}


@dataclass(frozen=True, slots=True)
class Packet:
    """One IPv4 packet; `port` is its destination's, 0 for protocols without ports."""

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    port: int
    content: bytes
    #: What an ICMP error is about: the packet that it quotes.
    about: Packet | None = None

    def __str__(self) -> str:
        protocol = _PROTOCOLS.get(self.protocol, f"protocol {self.protocol}")
        return f"{self.source} -> {self.destination} {protocol} {self.port}"


def packets(file: Path) -> Iterator[Packet]:
    """IPv4 packets of a capture of Ethernet frames, in their order.

    Raises:
        ValueError: the file is no capture of Ethernet frames in this machine's byte order.
    """
    data = file.read_bytes()
    magic, *_, link = struct.unpack_from("=IHHiIII", data)
    if magic != 0xA1B2C3D4 or link != 1:
        raise ValueError(f"{file.name} is not a capture of Ethernet frames")
    place = 24
    while place < len(data):
        size = struct.unpack_from("=IIII", data, place)[2]
        place += 16
        packet = _packet(data[place : place + size])
        place += size
        if packet is not None:
            yield packet


def _packet(frame: bytes) -> Packet | None:
    if len(frame) < _ETHERNET_HEADER + 20 or struct.unpack_from("!H", frame, 12)[0] != _IPV4:
        return None
    return _ipv4(frame[_ETHERNET_HEADER:])


def _ipv4(header: bytes) -> Packet | None:
    if len(header) < 20:
        return None
    protocol = header[9]
    body = header[(header[0] & 0xF) * 4 :]
    quoted = protocol == _ICMP and len(body) >= 8 and body[0] == _UNREACHABLE
    has_ports = protocol in (6, _UDP) and len(body) >= 4
    return Packet(
        IPv4Address(header[12:16]),
        IPv4Address(header[16:20]),
        protocol,
        struct.unpack_from("!H", body, 2)[0] if has_ports else 0,
        header,
        _ipv4(body[8:]) if quoted else None,
    )


def plaintext(
    found: Iterable[Packet], *, between: Collection[IPv4Address], tunnel: int, canary: bytes
) -> list[str]:
    """What passed between these addresses outside the tunnel's UDP port, and every canary."""
    faults: Counter[str] = Counter()
    for packet in found:
        if canary in packet.content:
            faults[f"{packet} carries the canary"] += 1
        elif not {packet.source, packet.destination} <= set(between):
            continue
        elif not _of(tunnel, packet):
            faults[f"{packet} is outside the tunnel"] += 1
    return [f"{fault} ({count} times)" for fault, count in faults.items()]


def _of(tunnel: int, packet: Packet) -> bool:
    """Whether it belongs to the tunnel, or is a kernel's word that nobody listens there: that
    quotes what it could not deliver, which is encrypted.
    """
    if packet.about is not None:
        return _of(tunnel, packet.about)
    return (packet.protocol, packet.port) == (_UDP, tunnel)


def encrypted(found: Iterable[Packet], *, tunnel: int) -> int:
    """How many packets the tunnel carried: a wire without traffic proves nothing."""
    return sum((packet.protocol, packet.port) == (_UDP, tunnel) for packet in found)
