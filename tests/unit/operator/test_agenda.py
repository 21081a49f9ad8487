"""Who is looked at when: one worker a name, nothing forgotten, nothing in between."""

from __future__ import annotations

import threading
from collections import Counter

from infra.operator.agenda import FIRST_RETRY, LAST_RETRY, Agenda


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_told_twice_is_looked_at_once() -> None:
    agenda = Agenda(Time())
    agenda.tell("a")
    agenda.tell("a")
    agenda.tell("b")
    assert [agenda.take(), agenda.take()] == ["a", "b"]
    agenda.close()
    assert agenda.take() is None


def test_what_is_told_while_a_worker_has_it_is_looked_at_again() -> None:
    agenda = Agenda(Time())
    agenda.tell("a")
    assert agenda.take() == "a"
    agenda.tell("a")
    agenda.tell("b")
    assert agenda.take() == "b"
    agenda.done("a")
    assert agenda.take() == "a"


def test_it_waits_until_something_is_due() -> None:
    time = Time()
    agenda = Agenda(time)
    agenda.tell("later", after=10)
    agenda.tell("sooner", after=5)
    time.now = 6
    assert agenda.take() == "sooner"
    agenda.done("sooner", again_in=100)
    time.now = 10
    assert agenda.take() == "later"
    agenda.tell("sooner")
    assert agenda.take() == "sooner"


def test_an_earlier_time_replaces_a_later_one_and_not_the_other_way() -> None:
    time = Time()
    agenda = Agenda(time)
    agenda.tell("a", after=10)
    agenda.tell("a", after=5)
    agenda.tell("a", after=20)
    time.now = 5
    assert agenda.take() == "a"
    agenda.done("a")
    agenda.tell("b", after=30)
    time.now = 34
    threading.Timer(0.05, agenda.close).start()
    assert agenda.take() is None, "old plans are forgotten"


def test_what_fails_comes_back_later_and_later() -> None:
    agenda = Agenda(Time())
    pauses = []
    for _ in range(30):
        agenda.tell("a")
        assert agenda.take() == "a"
        pauses.append(agenda.failed("a"))
    assert pauses[0] <= FIRST_RETRY
    assert LAST_RETRY / 2 <= pauses[-1] <= LAST_RETRY
    agenda.tell("a")
    assert agenda.take() == "a"
    agenda.done("a")
    agenda.tell("a")
    assert agenda.take() == "a"
    assert agenda.failed("a") <= FIRST_RETRY


def test_workers_never_share_a_name() -> None:
    agenda = Agenda()
    names = [f"n{number}" for number in range(5)]
    seen: Counter[str] = Counter()
    together: list[str] = []
    busy: set[str] = set()
    lock = threading.Lock()

    def work() -> None:
        while (name := agenda.take()) is not None:
            with lock:
                if name in busy:
                    together.append(name)
                busy.add(name)
            with lock:
                busy.discard(name)
                seen[name] += 1
                last = sum(seen.values()) >= 500
            agenda.done(name, again_in=0)
            if last:
                agenda.close()

    for name in names:
        agenda.tell(name)
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert together == []
    assert all(seen[name] > 10 for name in names), seen
