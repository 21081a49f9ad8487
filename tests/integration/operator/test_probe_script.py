"""What the probe's script says of real sockets, run by the shell of the probe's own image."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infra.operator.configuration import TargetSettings
from infra.operator.probe import script, verdict
from tests.harness import probe_image


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return probe_image.unpack(tmp_path_factory.mktemp("probe"))


@contextmanager
def listening() -> Iterator[int]:
    """Accepts connections and keeps quiet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def silent() -> Iterator[socket.socket]:
    """Answers no packet, as a network policy does: its queue is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server


def unused() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def target(id_: str, must_be: str, port: int) -> TargetSettings:
    return TargetSettings.model_validate(
        {"id": id_, "must_be": must_be, "to": "127.0.0.1", "port": port}
    )


def run(programs: Path, targets: list[TargetSettings], folder: Path) -> tuple[str, float]:
    """Last words, and the seconds that it took."""
    words = folder / "last-words"
    begun = time.monotonic()
    subprocess.run(
        [programs / "sh", "-c", script(targets, str(words))],
        env={"PATH": str(programs)},
        check=True,
        timeout=30,
    )
    return words.read_text(), time.monotonic() - begun


def test_what_is_open_closed_and_refused(programs: Path, tmp_path: Path) -> None:
    with listening() as open_, silent() as closed:
        targets = [
            target("control", "open", open_),
            target("wall", "closed", closed.getsockname()[1]),
            target("nobody-there", "closed", unused()),
            target("hole", "closed", open_),
        ]
        words, took = run(programs, targets, tmp_path)
    assert json.loads(words) == {
        "control": "open",
        "wall": "closed",
        "nobody-there": "refused",
        "hole": "open",
    }
    found = verdict(targets, words)
    assert set(found.faults) == {
        "nobody-there is refused, not closed",
        "hole is open, not closed",
    }
    assert took < 2, "all at once"


def test_a_control_gets_more_than_one_try(programs: Path, tmp_path: Path) -> None:
    """It may come too early for a network that is just being set up."""
    with silent() as server:
        waiting = target("late", "open", server.getsockname()[1])
        wall = target("wall", "closed", server.getsockname()[1])

        def wake_up() -> None:
            # Those who filled the queue; from then on there is room.
            for _ in range(2):
                server.accept()[0].close()

        timer = threading.Timer(1.2, wake_up)
        timer.start()
        words, took = run(programs, [waiting, wall], tmp_path)
        timer.join()
    assert json.loads(words) == {"late": "open", "wall": "closed"}
    assert took > 1


@contextmanager
def name_server(address: str) -> Iterator[None]:
    """Answers every question for an address with 127.0.0.1 (RFC 1035), on port 53."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    question, client = server.recvfrom(512)
                except TimeoutError:
                    continue
                flags = struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
                answer = struct.pack(">HHHLH", 0xC00C, 1, 1, 60, 4) + bytes([127, 0, 0, 1])
                server.sendto(question[:2] + flags + question[12:] + answer, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_names(programs: Path, tmp_path: Path) -> None:
    asked = {"id": "dns", "kind": "dns", "must_be": "open", "to": "kubernetes.example"}
    targets = [TargetSettings.model_validate(asked)]
    text = script(targets, str(tmp_path / "words"))
    # The host's own name server has no part in this test.
    for server, answers in (("127.9.9.9", True), ("127.9.9.10", False)):
        with name_server("127.9.9.9"):
            changed = text.replace("kubernetes.example", f"kubernetes.example {server}")
            subprocess.run(
                [programs / "sh", "-c", changed],
                env={"PATH": str(programs)},
                check=True,
                timeout=30,
            )
        found = json.loads((tmp_path / "words").read_text())["dns"]
        assert (found == "open") is answers, found


@pytest.mark.parametrize(
    "words",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"control": "open"',
        '{"control":"closed","wall":"closed"}',
        "x" * 99,
    ],
)
def test_words_that_are_not_expected_are_faults(words: str) -> None:
    targets = [target("control", "open", 1), target("wall", "closed", 2)]
    assert not verdict(targets, words).isolated


def test_without_a_control_nothing_is_proven() -> None:
    targets = [target("wall", "closed", 2)]
    assert not verdict(targets, '{"wall":"closed"}').isolated


def test_as_it_should_be() -> None:
    targets = [target("control", "open", 1), target("wall", "closed", 2)]
    assert verdict(targets, '{"control":"open","wall":"closed"}').isolated
