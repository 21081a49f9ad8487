"""The auditor's life: a round, its results, a pause, and again, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from infra.auditor import rounds
from infra.auditor.metrics import State
from infra.auditor.observation import Reader
from infra.auditor.rounds import Round
from infra.auditor.told import Told
from infra.errors import LabError
from policies.rule import Rule

#: Intervals after which an auditor that finished none of its audits is ill.
ILL_AFTER: Final = 3
#: Most seconds until a round that failed is tried again.
RETRY: Final = 30.0


class Auditor:
    """Audits a cluster at intervals.

    Args:
        api: the cluster's.
        rules: all that are audited.
        told: what the lab says of itself.
        log: structlog's logger, or what has its `info` and `error`.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        api: Reader,
        rules: Sequence[Rule],
        told: Told,
        *,
        log: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State(told.interval_seconds)
        self._api = api
        self._rules = rules
        self._told = told
        self._log = log
        self._clock = clock
        #: When the last round was finished, or the first could have begun.
        self._alive = clock()

    def fault(self) -> str:
        """Why the auditor is ill; empty if it is well."""
        age, most = self._clock() - self._alive, ILL_AFTER * self._told.interval_seconds
        if age <= most:
            return ""
        return f"no audit was finished for {age:.0f} s, which is more than {most} s"

    def run(self, stop: threading.Event) -> None:
        """Audits until `stop` is set; a round that has begun ends first."""
        while not stop.is_set():
            begun = self._clock()
            pause = float(self._told.interval_seconds)
            if not self._round():
                pause = min(RETRY, pause)
            stop.wait(max(0.0, begun + pause - self._clock()))

    def _round(self) -> bool:
        """Whether it could be finished; if not, the log says why and the metrics that."""
        try:
            found = rounds.go(self._api, self._rules, self._told)
        except LabError as error:
            self.state.failed()
            self._log.error("audit failed", **error.as_dict())
            return False
        self._alive = self._clock()
        self.state.finished(found)
        self._tell(found)
        return True

    def _tell(self, found: Round) -> None:
        broken = list(found.broken)
        for one in broken:
            for fault in one.standing.faults:
                self._log.error(
                    "fault",
                    rule=one.rule.id,
                    severity=one.rule.severity.value,
                    place=one.place.value,
                    object=fault.object,
                    message=fault.message,
                )
        self._log.info(
            "audit finished",
            rules=len({one.rule.id for one in found.judged}),
            broken=len({one.rule.id for one in broken}),
            faults=sum(len(one.standing.faults) for one in broken),
            seconds=round(found.seconds, 3),
        )
