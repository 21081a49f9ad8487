"""Brings one sandbox as far as it can be brought now: read, decide, do, write, again.

The status is written on the version of the object that was decided on. If that has changed
meanwhile, nothing is written and everything is decided anew; what the step did is done again or
undone by whatever is decided then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from infra.errors import ConfigError, LabError
from infra.kubernetes.client import Answer
from infra.operator import events, life, room
from infra.operator.clock import ApiClock
from infra.operator.cluster import Cluster
from infra.operator.leader import Leader
from infra.operator.life import Act, Done, Rules, Step, Told, Wait
from infra.operator.metrics import Metrics
from infra.operator.transitions import Outcome, after
from infra.sandbox.resource import PATH, Phase, Sandbox, Status

#: A life has fewer steps; more would be two decisions that undo each other.
MOST_STEPS = 60
#: Steps that change the object itself, so that it has to be read again.
_OF_THE_OBJECT = frozenset({Step.ADOPT, Step.RELEASE, Step.FORGET})
#: Seconds until one for which there was no room is looked at again if nobody is seen ending.
ROOM_PAUSE = 60.0
_MERGE = "application/merge-patch+json"


class Doer(Protocol):
    """What does steps (`steps.Steps`)."""

    def do(self, sandbox: Sandbox, act: Act) -> Outcome:
        """Does one. Raises LabError; it may then be repeated."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """`instance` names this process to people."""

    cluster: Cluster
    clock: ApiClock
    leader: Leader
    rules: Rules
    steps: Doer
    metrics: Metrics
    log: Any
    instance: str
    #: Held while living sandboxes are counted and one more is let live.
    counting: threading.Lock = field(default_factory=threading.Lock)
    #: Names of those for which there was no room.
    waiting: set[str] = field(default_factory=set)
    #: One has ended.
    ended: threading.Event = field(default_factory=threading.Event)

    def reconcile(self, name: str) -> float | None:
        """Does what there is to do; seconds until something is due, None if nothing is planned.

        Raises:
            LabError: a step could not be done; it may be repeated.
        """
        body = self.cluster.get(f"{PATH}/{name}")
        for _ in range(MOST_STEPS):
            if body is None:
                self.metrics.seen(name, None)
                return None
            sandbox = self._read(name, body)
            self.metrics.seen(name, sandbox.status.phase, _spends(sandbox))
            decided = life.decide(sandbox, self.clock.now(), self.rules)
            if isinstance(decided, Wait):
                return None if decided.until is None else max(0.0, self.clock.left(decided.until))
            if decided.step is Step.APPROVE and self.rules.limits:
                body, waits = self._approve(sandbox, decided)
                if waits:
                    return ROOM_PAUSE
                continue
            body = self._do(sandbox, decided)
        raise ConfigError(
            f"sandbox {name} does not come to rest.",
            next_step="report it: this is a fault of the operator.",
        )

    def freed(self) -> set[str]:
        """Names of those for which there may be room now, each told once."""
        if not self.ended.is_set():
            return set()
        # Whoever counts at this moment counts what has ended, or is among those that wait.
        with self.counting:
            self.ended.clear()
            names = set(self.waiting)
            self.waiting.clear()
            return names

    def _approve(self, sandbox: Sandbox, act: Act) -> tuple[dict[str, Any] | None, bool]:
        """Approves it if there is room; else says so, and whether it waits comes second.

        One after the other, each counting what the API server has once the one before is written:
        two that ask at the same time never share the last place.
        """
        with self.counting:
            others = [Sandbox.of(one) for one in self.cluster.list(PATH)]
            told = room.lack(sandbox, others, self.rules.limits)
            if told is None:
                self.waiting.discard(sandbox.name)
                return self._do(sandbox, act), False
            self.waiting.add(sandbox.name)
        if told.holds(sandbox.status.conditions):
            return None, True
        return self._do(sandbox, Act(Step.QUEUE, told=told)), False

    def _read(self, name: str, body: dict[str, Any]) -> Sandbox:
        try:
            return Sandbox.of(body)
        except ValidationError as error:
            fields = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
            raise ConfigError(
                f"sandbox {name} is none that this operator understands: {', '.join(fields)}.",
                next_step="see whether the operator is older than the cluster's definition.",
            ) from error

    def _do(self, sandbox: Sandbox, act: Act) -> dict[str, Any] | None:
        """Does one step; the object as it is then."""
        self.leader.require()
        log = self.log.bind(sandbox=sandbox.name, uid=sandbox.uid, step=str(act.step))
        with self.metrics.step(act.step):
            outcome = self.steps.do(sandbox, act)
            if act.step in _OF_THE_OBJECT:
                written = self.cluster.get(f"{PATH}/{sandbox.name}")
            else:
                written = self._write(sandbox, act, outcome)
        log.info("step done", because=act.because, ending=str(act.ending or ""))
        return written

    def _write(self, sandbox: Sandbox, act: Act, outcome: Outcome) -> dict[str, Any] | None:
        now = self.clock.now()
        status = after(sandbox, act, now, self.rules, outcome)
        changed = status.phase is not sandbox.status.phase
        if changed and status.phase in life.ENDED:
            # Before its object may go.
            self._tell(sandbox, status)
        self.leader.require()
        metadata = {"uid": sandbox.uid, "resourceVersion": sandbox.resource_version}
        answer = self.cluster.api.request(
            "PATCH",
            f"{PATH}/{sandbox.name}/status",
            body={"metadata": metadata, "status": written(status)},
            content_type=_MERGE,
        )
        if answer.status in (404, 409):
            # Somebody changed or removed it meanwhile: what is to be done is decided anew.
            self.metrics.conflict()
            return self.cluster.get(f"{PATH}/{sandbox.name}")
        if not answer.ok:
            raise answer.refused(f"status of Sandbox {sandbox.name}")
        if changed and status.phase in life.ENDED:
            self.ended.set()
        elif changed:
            self._tell(sandbox, status)
        if act.step in (Step.QUEUE, Step.WARN):
            self._warn(sandbox, status)
        if act.step is Step.END:
            self.metrics.spent(sandbox.spec.profile, status.cost)
        return answer.body

    def _tell(self, sandbox: Sandbox, status: Status) -> None:
        now = self.clock.now()
        self._say(
            sandbox, lambda: events.tell(self.cluster.api, sandbox, status, now, self.instance)
        )

    def _warn(self, sandbox: Sandbox, status: Status) -> None:
        """Of the condition that was written last."""
        found, now = status.conditions[-1], self.clock.now()
        told = Told(Done(found.type), True, found.reason, found.message)
        self._say(sandbox, lambda: events.warn(self.cluster.api, sandbox, told, now, self.instance))

    def _say(self, sandbox: Sandbox, post: Callable[[], Answer]) -> None:
        """An event is for people: a step does not fail for want of it, but it is said."""
        try:
            answer = post()
            if not answer.ok and answer.status != 409:
                raise answer.refused(f"event of Sandbox {sandbox.name}")
        except LabError as error:
            self.metrics.failed("event", error.code)
            self.log.warning("event not told", sandbox=sandbox.name, **error.as_dict())


def _spends(sandbox: Sandbox) -> tuple[str, float]:
    """Its profile, and what it costs in an hour."""
    alive = sandbox.status.phase in (Phase.READY, Phase.SUSPENDED)
    return sandbox.spec.profile, float(sandbox.status.cost_per_hour or 0) if alive else 0.0


def written(status: Status) -> dict[str, Any]:
    """A status as the API has it: every field that says something."""
    return status.model_dump(by_alias=True, mode="json", exclude_none=True)
