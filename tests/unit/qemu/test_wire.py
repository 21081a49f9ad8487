"""The reader of captures finds each kind of plaintext, and nothing in what a tunnel carries."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.harness.qemu import wire

ONE, TWO, OTHER = (IPv4Address(f"10.98.0.{n}") for n in (10, 11, 99))
CANARY = b"canary-0123456789"
TUNNEL = 51820


def frame(
    source: IPv4Address, target: IPv4Address, protocol: int, port: int, content: bytes
) -> bytes:
    body = struct.pack("!HH", 40000, port) + content
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return b"\0" * 12 + b"\x08\x00" + header + source.packed + target.packed + body


def capture(file: Path, *frames: bytes) -> Path:
    text = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)
    for one in frames:
        text += struct.pack("=IIII", 0, 0, len(one), len(one)) + one
    file.write_bytes(text)
    return file


def unreachable(source: IPv4Address, target: IPv4Address, about: bytes) -> bytes:
    """ICMP's error that nobody listens, which quotes the packet."""
    body = struct.pack("!BBHI", 3, 3, 0, 0) + about[14:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0)
    return b"\0" * 12 + b"\x08\x00" + header + source.packed + target.packed + body


def faults(file: Path) -> list[str]:
    return wire.plaintext(wire.packets(file), between=[ONE, TWO], tunnel=TUNNEL, canary=CANARY)


def test_a_tunnel_is_no_fault(tmp_path: Path) -> None:
    arp = b"\xff" * 12 + b"\x08\x06" + b"\0" * 28
    file = capture(
        tmp_path / "wire",
        arp,
        frame(ONE, TWO, 17, TUNNEL, b"\x04sealed"),
        frame(TWO, ONE, 17, TUNNEL, b"\x04sealed"),
    )
    assert faults(file) == []
    assert wire.encrypted(wire.packets(file), tunnel=TUNNEL) == 2


def test_that_nobody_listens_at_the_tunnels_end_is_no_fault(tmp_path: Path) -> None:
    sealed = frame(ONE, TWO, 17, TUNNEL, b"\x01sealed")
    file = capture(tmp_path / "wire", sealed, unreachable(TWO, ONE, sealed))
    assert faults(file) == []
    assert wire.encrypted(wire.packets(file), tunnel=TUNNEL) == 1


@pytest.mark.parametrize(
    ("seeded", "told"),
    [
        (frame(ONE, TWO, 6, 80, b"GET /"), "TCP 80 is outside the tunnel"),
        (frame(TWO, ONE, 17, 8472, b"x"), "UDP 8472 is outside the tunnel"),
        (frame(ONE, TWO, 6, TUNNEL, b"x"), "TCP 51820 is outside the tunnel"),
        (frame(ONE, TWO, 17, TUNNEL, b"x" + CANARY), "UDP 51820 carries the canary"),
        (frame(OTHER, ONE, 6, 22, CANARY), "TCP 22 carries the canary"),
        (unreachable(TWO, ONE, frame(ONE, TWO, 17, 53, b"x")), "ICMP 0 is outside the tunnel"),
        (unreachable(TWO, ONE, frame(ONE, TWO, 17, TUNNEL, CANARY)), "carries the canary"),
        (frame(ONE, TWO, 1, 0, b"\x08ping"), "ICMP 0 is outside the tunnel"),
    ],
)
def test_seeded_plaintext_is_found(tmp_path: Path, seeded: bytes, told: str) -> None:
    file = capture(tmp_path / "wire", frame(ONE, TWO, 17, TUNNEL, b"sealed"), seeded, seeded)
    found = faults(file)
    assert len(found) == 1
    assert told in found[0]
    assert found[0].endswith("(2 times)")


def test_a_stranger_may_speak_to_a_machine_in_the_open(tmp_path: Path) -> None:
    assert faults(capture(tmp_path / "wire", frame(OTHER, ONE, 6, 22, b"SSH-2.0"))) == []


def test_another_kind_of_capture_is_refused(tmp_path: Path) -> None:
    file = capture(tmp_path / "wire")
    file.write_bytes(file.read_bytes()[:20] + struct.pack("=I", 101))
    with pytest.raises(ValueError, match="not a capture of Ethernet"):
        list(wire.packets(file))
