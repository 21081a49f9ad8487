"""The operator's life as a process: wait for the lease, work, hand over.

Who loses the lease ends at once, whatever is under way: another operator may work already. What
was begun is finished by whoever leads then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from infra.errors import LabError
from infra.operator.agenda import Agenda
from infra.operator.assembly import Parts

#: Exit statuses.
LOST: Final = 4
BROKEN: Final = 5
#: Seconds that steps which are under way get when the process is told to stop.
GRACE: Final = 20.0
#: Seconds between looks at the pool if nothing happens, and after a fault.
POOL_PAUSE: Final = 30.0
POOL_RETRY: Final = 5.0
#: Seconds between looks for orphans.
ORPHANS_PAUSE: Final = 600.0

Watch = Callable[[Callable[[str], None], threading.Event], None]


class Process:
    """One operator. `watch` tells names of sandboxes until an event is set (`watching.watch`)."""

    def __init__(self, parts: Parts, watch: Watch, *, workers: int, log: Any) -> None:
        self._parts = parts
        self._watch = watch
        self._count = workers
        self._log = log
        self._agenda = Agenda()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def fault(self) -> str:
        """Why the process is ill; empty if it is well."""
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"not running any more: {', '.join(dead)}" if dead else ""

    def run(self, stop: threading.Event) -> None:
        """Leads as soon as it can, and works until `stop` is set."""
        self._stop = stop
        leader, metrics = self._parts.leader, self._parts.metrics
        metrics.leads(False)
        if not leader.acquire(stop):
            return
        self._log.info("leads")
        metrics.leads(True)
        keeping = threading.Event()
        self._start("lease", lambda: self._keep(keeping))
        workers = [self._start(f"worker-{number}", self._work) for number in range(self._count)]
        self._start("pool", self._tend)
        self._start("orphans", self._look_for_orphans)
        self._start("watch", lambda: self._watch(self._agenda.tell, stop))
        stop.wait()
        self._agenda.close()
        for worker in workers:
            worker.join(GRACE / max(1, sum(one.is_alive() for one in workers)))
        keeping.set()
        if not any(worker.is_alive() for worker in workers):
            leader.release()
        metrics.leads(False)

    def _start(self, name: str, body: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded(name, body), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _guarded(self, name: str, body: Callable[[], None]) -> Callable[[], None]:
        """A thread that ends although nobody told it to ends the process."""

        def guarded() -> None:
            try:
                body()
            finally:
                if sys.exc_info()[0] is not None or not self._stop.is_set():
                    self._log.error("thread ended", thread=name, exc_info=True)
                    os._exit(BROKEN)

        return guarded

    def _keep(self, keeping: threading.Event) -> None:
        self._parts.leader.keep(keeping)
        if not keeping.is_set():
            self._log.error("lease lost")
            os._exit(LOST)

    def _work(self) -> None:
        while (name := self._agenda.take()) is not None:
            try:
                again = self._reconcile(name)
            except LabError as error:
                pause = self._agenda.failed(name)
                self._log.warning(
                    "tried again", sandbox=name, seconds=round(pause, 1), **error.as_dict()
                )
            except Exception:  # noqa: BLE001 - one sandbox's fault must not stop all others
                self._parts.metrics.failed("unexpected", "LAB-000")
                pause = self._agenda.failed(name)
                self._log.exception("unexpected", sandbox=name, seconds=round(pause, 1))
            else:
                self._agenda.done(name, again_in=again)
            for other in self._parts.reconciler.freed():
                self._agenda.tell(other)

    def _reconcile(self, name: str) -> float | None:
        """A sandbox or, by NAMESPACE/NAME, a review of files; seconds until something is due."""
        namespace, slash, transfer = name.partition("/")
        if slash:
            self._parts.reviewer.reconcile(namespace, transfer)
            return None
        return self._parts.reconciler.reconcile(name)

    def _tend(self) -> None:
        """Fills and drains the pool, one thing after the other, whenever something was taken."""
        parts = self._parts
        while not self._stop.is_set():
            parts.taken.clear()
            pause = POOL_PAUSE
            try:
                for profile in sorted(parts.pool.profiles()):
                    while not self._stop.is_set() and self._once(profile):
                        parts.metrics.pool(profile, parts.pool.ready(profile))
                    parts.metrics.pool(profile, parts.pool.ready(profile))
            except LabError as error:
                parts.metrics.failed("pool", error.code)
                self._log.warning("pool", **error.as_dict())
                pause = POOL_RETRY
            parts.taken.wait(pause)

    def _once(self, profile: str) -> bool:
        self._parts.leader.require()
        return self._parts.pool.tend(profile)

    def _look_for_orphans(self) -> None:
        orphans = self._parts.orphans
        while not self._stop.is_set():
            try:
                for name in orphans.find():
                    self._parts.leader.require()
                    orphans.destroy(name)
            except LabError as error:
                self._parts.metrics.failed("orphans", error.code)
                self._log.warning("orphans", **error.as_dict())
            self._stop.wait(ORPHANS_PAUSE)
