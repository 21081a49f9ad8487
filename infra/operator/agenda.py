"""What there is to look at, and when: each name is in the hands of one worker at a time.

A name that is told again while a worker has it is looked at again afterwards. A name that failed
comes back later and later, up to a limit; one that was told of something new comes at once.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds until a name that failed is tried again: the first time, and at most.
FIRST_RETRY = 0.2
LAST_RETRY = 30.0


@dataclass(order=True)
class _Due:
    at: float
    name: str = field(compare=False)


class Agenda:
    """Times are seconds of the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        #: When each name is due; entries of the heap that say otherwise are old.
        self._when: dict[str, float] = {}
        self._busy: set[str] = set()
        self._failures: dict[str, int] = {}
        self._closed = False

    def tell(self, name: str, *, after: float = 0.0) -> None:
        """Looks at `name` in so many seconds; earlier, if that was planned before."""
        with self._changed:
            self._plan(name, self._monotonic() + after)

    def take(self) -> str | None:
        """Waits for the next name and gives it out; None once the agenda is closed."""
        with self._changed:
            while not self._closed:
                name, pause = self._next()
                if name is not None:
                    del self._when[name]
                    self._busy.add(name)
                    return name
                self._changed.wait(pause)
            return None

    def done(self, name: str, *, again_in: float | None = None) -> None:
        """A worker is done with `name`, for good or for so many seconds."""
        with self._changed:
            self._failures.pop(name, None)
            self._give_back(name, again_in)

    def failed(self, name: str) -> float:
        """A worker could not finish `name`; seconds until it is tried again."""
        with self._changed:
            count = self._failures.get(name, 0)
            self._failures[name] = count + 1
            longest = min(LAST_RETRY, FIRST_RETRY * 2 ** min(count, 16))
            # Not all at the same moment, when what failed was the same for all.
            pause: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
            self._give_back(name, pause)
            return pause

    def close(self) -> None:
        """Gives nothing out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _plan(self, name: str, at: float) -> None:
        if name in self._when and self._when[name] <= at:
            return
        self._when[name] = at
        heapq.heappush(self._due, _Due(at, name))
        self._changed.notify_all()

    def _give_back(self, name: str, pause: float | None) -> None:
        self._busy.discard(name)
        if pause is not None:
            self._plan(name, self._monotonic() + pause)
        # What was told meanwhile could not be given out.
        self._changed.notify_all()

    def _next(self) -> tuple[str | None, float | None]:
        """A name that is due, or the seconds until one is (None: nothing is planned)."""
        now = self._monotonic()
        held: list[_Due] = []
        found: str | None = None
        pause: float | None = None
        while self._due:
            due = heapq.heappop(self._due)
            if self._when.get(due.name) != due.at:
                continue
            if due.name in self._busy:
                held.append(due)
            elif due.at <= now:
                found = due.name
                break
            else:
                held.append(due)
                pause = due.at - now
                break
        for due in held:
            heapq.heappush(self._due, due)
        return found, pause
