"""What Prometheus is told of the operator."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector
from prometheus_client import Counter as Total

from infra.errors import LabError
from infra.sandbox.resource import Phase

#: Seconds. Most steps take some ten milliseconds, destroying waits for kubelets.
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts; safe to use from many threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._sandboxes = Gauge(
            "ai_lab_sandboxes", "Sandboxes by phase.", ["phase"], registry=self.registry
        )
        self._steps = Histogram(
            "ai_lab_sandbox_step_seconds",
            "How long steps took.",
            ["step"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._errors = Total(
            "ai_lab_sandbox_errors",
            "Steps that could not be done, and are tried again.",
            ["step", "code"],
            registry=self.registry,
        )
        self._conflicts = Total(
            "ai_lab_sandbox_conflicts",
            "Objects that changed while a step was done; it was decided anew.",
            registry=self.registry,
        )
        self._leader = Gauge(
            "ai_lab_sandbox_operator_leader",
            "1 if this process is the one that works.",
            registry=self.registry,
        )
        self._pool = Gauge(
            "ai_lab_sandbox_pool_ready",
            "Sandboxes that could be handed out at once.",
            ["profile"],
            registry=self.registry,
        )
        self._orphans = Total(
            "ai_lab_sandbox_orphans",
            "What belonged to no sandbox, and was destroyed. There should be none.",
            registry=self.registry,
        )
        self._rate = Gauge(
            "ai_lab_sandbox_euro_per_hour",
            "What sandboxes that live cost in an hour.",
            ["profile"],
            registry=self.registry,
        )
        self._spent = Total(
            "ai_lab_sandbox_euro",
            "What sandboxes have cost that have ended since this process leads.",
            ["profile"],
            registry=self.registry,
        )
        self._lock = threading.Lock()
        self._spending: dict[str, tuple[str, float]] = {}
        self._phases: dict[str, Phase] = {}
        for phase in Phase:
            self._sandboxes.labels(phase.value).set(0)

    def seen(self, name: str, phase: Phase | None, spends: tuple[str, float] | None = None) -> None:
        """A sandbox is in this phase; None: it is gone. `spends`: its profile, euro an hour."""
        with self._lock:
            before = self._spending.pop(name, None)
            if phase is None:
                self._phases.pop(name, None)
            else:
                self._phases[name] = phase
                if spends is not None:
                    self._spending[name] = spends
            for profile in {one[0] for one in (before, spends) if one is not None}:
                rates = (rate for of, rate in self._spending.values() if of == profile)
                self._rate.labels(profile).set(sum(rates))
            counts = Counter(self._phases.values())
            for one in Phase:
                self._sandboxes.labels(one.value).set(counts[one])

    def spent(self, profile: str, cost: str | None) -> None:
        """A sandbox of this profile has ended, and this is what it cost (euro)."""
        if cost is not None:
            self._spent.labels(profile).inc(float(cost))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures a step, and counts it if it fails."""
        with self._steps.labels(name).time():
            try:
                yield
            except LabError as error:
                self._errors.labels(name, error.code).inc()
                raise

    def failed(self, what: str, code: str) -> None:
        self._errors.labels(what, code).inc()

    def conflict(self) -> None:
        self._conflicts.inc()

    def leads(self, does: bool) -> None:
        self._leader.set(int(does))

    def pool(self, profile: str, ready: int) -> None:
        self._pool.labels(profile).set(ready)

    def orphan(self) -> None:
        self._orphans.inc()
