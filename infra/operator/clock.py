"""The API server's time, whatever the clock of the node says that this runs on.

Every answer of an API server has a `Date` (RFC 9110, 6.6.1), which is its time cut to a second:
it is at least that late. In between, time goes on as the node's monotonic clock does, which
nobody can set. The latest of what recent answers say is right to less than a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from infra.errors import KubernetesUnreachable

#: Seconds after which an answer says nothing any more: a server's clock may have been set back.
WINDOW = 300.0


class ApiClock:
    """Safe to use from many threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: Server's seconds minus ours: the most of this window, and of the one before.
        self._most: float | None = None
        self._before: float | None = None
        self._turned = monotonic()

    def observe(self, headers: httpx.Headers) -> None:
        """Learns from the headers of an answer."""
        received = self._monotonic()
        try:
            served = parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            return  # a proxy's own answer may say no time; the next one will
        offset = served - received
        with self._lock:
            if received - self._turned > WINDOW:
                self._before, self._most, self._turned = self._most, None, received
            self._most = offset if self._most is None else max(self._most, offset)

    def now(self) -> datetime:
        """The API server's time.

        Raises:
            KubernetesUnreachable: no answer has told it yet.
        """
        return datetime.fromtimestamp(self._monotonic() + self._offset(), UTC)

    def left(self, until: datetime) -> float:
        """Seconds until then; negative once it is over. Raises as `now` does."""
        return (until - self.now()) / timedelta(seconds=1)

    def _offset(self) -> float:
        with self._lock:
            known = [one for one in (self._most, self._before) if one is not None]
        if not known:
            raise KubernetesUnreachable(
                "no API server has said what time it is.",
                next_step="see whether the control plane answers (`./lab status`).",
            )
        return max(known)
