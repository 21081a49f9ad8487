"""Listeners of the isolation checks: what reaches them is written down."""

from __future__ import annotations

import socket

from tests.live.support import listeners
from tests.live.support.api import eventually


def test_a_tcp_visitor_is_written_down() -> None:
    with listeners.tcp("127.0.0.1", 0) as (port, visitors):
        assert visitors.seen == []
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            assert connection.recv(1) == b""
        assert visitors.seen == ["127.0.0.1"]


def test_a_dns_question_is_answered_and_written_down() -> None:
    with listeners.dns("127.0.0.1", 0) as (port, visitors):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.sendto(listeners.question("pod-1.invalid"), ("127.0.0.1", port))
            answer = client.recv(512)
        assert answer[3] & 0x0F == 3
        assert eventually(lambda: visitors.seen, until=bool, within=2) == ["pod-1.invalid"]


def test_a_listener_leaves_its_port() -> None:
    with listeners.tcp("127.0.0.1", 0) as (port, _):
        pass
    with listeners.tcp("127.0.0.1", port) as (again, _):
        assert again == port
