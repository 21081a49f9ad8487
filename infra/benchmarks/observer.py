"""When things became of sandboxes, as a client of the API server sees them: one watch for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from infra.errors import BenchmarkInvalid, LabError
from infra.kubernetes.client import Api
from infra.operator.life import Done
from infra.sandbox.resource import PATH, Phase, Sandbox

#: It was looked at, and is not approved yet.
NOTED = "noted"
#: Its object is gone.
GONE = "gone"
#: Seconds that one watch lasts; then it is asked whether to go on.
_WATCH = 10


class Observer:
    """Notes the moment (`time.monotonic`) in which each phase and condition was first seen."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._changed = threading.Condition()
        self._marks: dict[str, dict[str, float]] = {}
        self._latest: dict[str, Sandbox] = {}
        self._stop = threading.Event()
        self._fault: LabError | None = None
        self._thread = threading.Thread(target=self._watched, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(2 * _WATCH)

    def at(self, name: str, mark: str) -> float:
        """When that was first seen of a sandbox."""
        return self._marks[name][mark]

    def latest(self, name: str) -> Sandbox:
        """As it was seen last."""
        return self._latest[name]

    def until(self, names: Iterable[str], mark: str, *, within: float) -> None:
        """Returns once that was seen of all of them.

        Raises:
            BenchmarkInvalid: one failed instead, or the time (seconds) is over.
            KubernetesRefused, KubernetesUnreachable: nobody can look any more.
        """
        awaited = set(names)

        def arrived() -> bool:
            awaited.difference_update(
                [name for name in awaited if mark in self._marks.get(name, {})]
            )
            failed = mark != GONE and any(map(self._failed, awaited))
            return not awaited or failed or self._fault is not None

        with self._changed:
            self._changed.wait_for(arrived, timeout=within)
            if not awaited:
                return
            if self._fault is not None:
                raise self._fault
            some = sorted(awaited)[:3]
            phases = {name: self._phase(name) for name in some}
        raise BenchmarkInvalid(
            f"{len(awaited)} sandboxes were not {mark} within {within:.0f} s, such as {phases}.",
            next_step=f"`./lab sandbox show {some[0]}` says why; the operator's log says more.",
        )

    def _phase(self, name: str) -> str:
        found = self._latest.get(name)
        return str(found.status.phase) if found else "never seen"

    def _failed(self, name: str) -> bool:
        found = self._latest.get(name)
        return found is not None and found.status.ending == "ProvisioningFailed"

    def _watched(self) -> None:
        """Looks; a fault of that is for whoever waits, who would wait in vain."""
        try:
            self._look()
        except LabError as error:
            with self._changed:
                self._fault = error
                self._changed.notify_all()

    def _look(self) -> None:
        while not self._stop.is_set():
            answer = self._api.request("GET", PATH)
            if not answer.ok:
                raise answer.refused("sandboxes")
            found = {one["metadata"]["name"]: one for one in answer.body["items"]}
            for item in found.values():
                self._note(item)
            for name in set(self._latest) - set(found):
                self._mark(name, [GONE])
            params = {
                "resourceVersion": str(answer.body["metadata"]["resourceVersion"]),
                "timeoutSeconds": str(_WATCH),
            }
            for event in self._api.watch(PATH, params):
                self._event(event)
                if self._stop.is_set():
                    return

    def _event(self, event: dict[str, Any]) -> None:
        self._note(event["object"])
        if event["type"] == "DELETED":
            self._mark(event["object"]["metadata"]["name"], [GONE])

    def _note(self, manifest: dict[str, Any]) -> None:
        sandbox = Sandbox.of(manifest)
        self._latest[sandbox.name] = sandbox
        conditions = sandbox.status.conditions
        marks: list[str] = [one.type for one in conditions if one.status == "True"]
        if conditions:
            marks.append(NOTED)
        # A phase and a condition share a name: Ready is when somebody is let in, either way.
        marks.append(str(sandbox.status.phase))
        self._mark(sandbox.name, marks)

    def _mark(self, name: str, marks: Iterable[str]) -> None:
        now = time.monotonic()
        with self._changed:
            known = self._marks.setdefault(name, {})
            for mark in marks:
                known.setdefault(mark, now)
            self._changed.notify_all()


#: The stages between an approval and the moment in which somebody is let in.
STAGES: dict[str, tuple[str, str]] = {
    "identified": (str(Done.APPROVED), str(Phase.PROVISIONING)),
    "provisioned": (str(Phase.PROVISIONING), str(Done.PROVISIONED)),
    "probed": (str(Done.PROVISIONED), str(Done.ISOLATED)),
    "admitted": (str(Done.ISOLATED), str(Phase.READY)),
}
