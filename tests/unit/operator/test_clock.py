"""The API server's time: no clock of this node counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import KubernetesUnreachable
from infra.operator.clock import WINDOW, ApiClock

SERVER = datetime(2031, 5, 5, 5, 5, 5, 250_000, tzinfo=UTC)


class World:
    """A server's clock, and the monotonic clock of a node that started some time ago."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.stepped = timedelta()
        self.clock = ApiClock(lambda: 12345.0 + self.elapsed)

    @property
    def time(self) -> datetime:
        return SERVER + timedelta(seconds=self.elapsed) + self.stepped

    def answer(self) -> None:
        date = format_datetime(self.time.replace(microsecond=0), usegmt=True)
        self.clock.observe(httpx.Headers({"date": date}))


def test_nothing_is_known_at_first() -> None:
    clock = ApiClock()
    clock.observe(httpx.Headers({}))
    clock.observe(httpx.Headers({"date": "today"}))
    with pytest.raises(KubernetesUnreachable):
        clock.now()


@given(pauses=st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_it_is_never_late_by_a_second_and_never_early(pauses: list[float]) -> None:
    world = World()
    world.answer()
    for pause in pauses:
        world.elapsed += pause
        late = world.time - world.clock.now()
        assert timedelta(microseconds=-10) <= late < timedelta(seconds=1)
        world.answer()


def test_many_answers_make_it_exact() -> None:
    world = World()
    for _ in range(200):
        world.elapsed += 0.017
        world.answer()
    assert world.time - world.clock.now() < timedelta(milliseconds=20)


@pytest.mark.parametrize("step", [timedelta(days=1), -timedelta(days=1)])
def test_a_server_whose_clock_is_set_is_believed(step: timedelta) -> None:
    world = World()
    world.answer()
    world.stepped = step
    for _ in range(40):
        world.elapsed += WINDOW / 10
        world.answer()
    assert abs(world.time - world.clock.now()) < timedelta(seconds=1)


def test_what_is_left() -> None:
    world = World()
    world.answer()
    assert 59 < world.clock.left(SERVER + timedelta(minutes=1)) < 61
    assert world.clock.left(SERVER - timedelta(minutes=1)) < -59
