"""Who leads: the election's rules, against an API server that keeps one lease."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from infra.errors import KubernetesUnreachable
from infra.kubernetes.client import Answer
from infra.operator.leader import Leader, Timing


class Lease:
    """An API server that has only this; each write gives it another version."""

    def __init__(self) -> None:
        self.object: dict[str, Any] | None = None
        self.version = 0
        self.away = False

    def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Answer:
        if self.away:
            raise KubernetesUnreachable("away.", next_step="none.")
        if method == "GET":
            return Answer(200, self.object) if self.object else Answer(404, {})
        if method == "POST" and self.object is not None:
            return Answer(409, {})
        if method == "PUT":
            if self.object is None:
                return Answer(404, {})
            if body["metadata"].get("resourceVersion") != str(self.version):
                return Answer(409, {})
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.object = {**body, "metadata": metadata}
        return Answer(200, self.object)

    def watch(self, path: str, params: Mapping[str, str]) -> Generator[dict[str, Any], None, None]:
        if self.object is not None:
            yield {"type": "ADDED", "object": self.object}

    @property
    def holder(self) -> str:
        assert self.object is not None
        return str(self.object["spec"]["holderIdentity"])


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


TIMING = Timing(duration=10, renew=0.01, margin=3)


def leader(lease: Lease, name: str, time: Time) -> Leader:
    return Leader(
        lease,  # type: ignore[arg-type]
        namespace="n",
        name="l",
        identity=name,
        timing=TIMING,
        monotonic=time,
    )


def tried(one: Leader) -> float | None:
    return one._try()


def test_the_first_one_leads_and_the_second_waits() -> None:
    lease, time = Lease(), Time()
    one, two = leader(lease, "one", time), leader(lease, "two", time)
    assert tried(one) is None
    assert tried(two) == 10
    assert (one.leads, two.leads, lease.holder) == (True, False, "one")


def test_nobody_acts_when_another_could_have_taken_over() -> None:
    """By whose clock whatever: it stops before the others may begin."""
    lease, time = Lease(), Time()
    one, two = leader(lease, "one", time), leader(lease, "two", time)
    tried(one)
    tried(two)
    for _ in range(200):
        time.now += 0.1
        taken = tried(two) is None
        assert not (one.leads and two.leads)
        if taken:
            break
    assert lease.holder == "two"
    assert time.now >= 110
    assert lease.object is not None
    assert lease.object["spec"]["leaseTransitions"] == 1


def test_a_lease_that_is_renewed_is_never_taken() -> None:
    lease, time = Lease(), Time()
    one, two = leader(lease, "one", time), leader(lease, "two", time)
    tried(one)
    for _ in range(50):
        time.now += 5
        assert one._renew()
        assert tried(two) is not None
        assert one.leads


def test_who_finds_another_holder_leads_no_more() -> None:
    lease, time = Lease(), Time()
    one, two = leader(lease, "one", time), leader(lease, "two", time)
    tried(one)
    tried(two)
    time.now += 11
    assert tried(two) is None
    assert not one._renew()
    assert not one.leads
    one.keep(threading.Event())


def test_an_api_server_that_is_away_for_long_ends_it() -> None:
    lease, time = Lease(), Time()
    one = leader(lease, "one", time)
    tried(one)
    lease.away = True
    assert not one._renew()
    assert one.leads, "not yet"
    time.now += 7.5
    one.keep(threading.Event())
    assert not one.leads


def test_a_late_renewal_is_waited_for() -> None:
    lease, time = Lease(), Time()
    one = leader(lease, "one", time)
    tried(one)
    time.now += 8
    assert not one.leads
    threading.Timer(0.05, one._renew).start()
    one.require()
    assert one.leads


def test_who_gives_it_away_lets_the_next_in_at_once() -> None:
    lease, time = Lease(), Time()
    one, two = leader(lease, "one", time), leader(lease, "two", time)
    tried(one)
    tried(two)
    one.release()
    assert not one.leads
    assert tried(two) is None


def test_what_was_changed_but_for_its_holder_is_kept() -> None:
    lease, time = Lease(), Time()
    one = leader(lease, "one", time)
    tried(one)
    lease.version += 1
    assert lease.object is not None
    lease.object["metadata"]["resourceVersion"] = str(lease.version)
    assert one._renew()
    assert one.leads


@pytest.mark.parametrize("status", [403, 422])
def test_a_refusal_is_said(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, time = Lease(), Time()
    one = leader(lease, "one", time)
    monkeypatch.setattr(lease, "request", lambda *_, **__: Answer(status, {"message": "no"}))
    with pytest.raises(Exception, match="no"):
        tried(one)
