"""What the auditor found, for Prometheus. Each name is in docs/reference/metrics.md."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.auditor.rounds import Round
from policies.audit import Stand

#: How a rule can stand where the auditor looks; where it does not look it says nothing.
STANDS: Final = (Stand.HOLDS, Stand.BROKEN, Stand.UNDECIDED, Stand.NOTHING)


class State(Collector):
    """What is shown: the last finished round, and how many there were. Safe to use from threads.

    Made anew for each scrape, so that nothing stays of a rule that is gone.
    """

    def __init__(self, interval: int) -> None:
        self._lock = threading.Lock()
        self._interval = interval
        self._last: Round | None = None
        self._finished = 0
        self._failed = 0

    @property
    def last(self) -> Round | None:
        with self._lock:
            return self._last

    def finished(self, found: Round) -> None:
        """Shows a round from now on."""
        with self._lock:
            self._last = found
            self._finished += 1

    def failed(self) -> None:
        """Counts one that could not be finished; what is shown stays that of the last."""
        with self._lock:
            self._failed += 1

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            last, finished, failed = self._last, self._finished, self._failed
        yield from _of_rules(last)
        yield GaugeMetricFamily(
            "ailab_policy_audit_timestamp_seconds",
            "When the last finished audit ended, in seconds since 1970; 0 before the first.",
            value=last.ended if last else 0.0,
        )
        yield GaugeMetricFamily(
            "ailab_policy_audit_duration_seconds",
            "How long the last finished audit took.",
            value=last.seconds if last else 0.0,
        )
        yield GaugeMetricFamily(
            "ailab_policy_audit_interval_seconds",
            "Time between the starts of two audits.",
            value=self._interval,
        )
        yield CounterMetricFamily(
            "ailab_policy_audits", "Audits that were finished.", value=finished
        )
        yield CounterMetricFamily(
            "ailab_policy_audit_failures",
            "Audits that could not be finished, because the API server did not answer or refused.",
            value=failed,
        )


def _of_rules(last: Round | None) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "ailab_policy_rule_status",
        "1 for how a rule stands in a place at the last finished audit, 0 for how it does not.",
        labels=("rule", "severity", "place", "stand"),
    )
    faults = GaugeMetricFamily(
        "ailab_policy_faults",
        "What is wrong by a rule in a place at the last finished audit.",
        labels=("rule", "place"),
    )
    for one in last.judged if last else ():
        for stand in STANDS:
            status.add_metric(
                (one.rule.id, one.rule.severity.value, one.place.value, stand.name.lower()),
                float(one.standing.stand is stand),
            )
        broken = one.standing.stand is Stand.BROKEN
        faults.add_metric((one.rule.id, one.place.value), len(one.standing.faults) if broken else 0)
    yield status
    yield faults
