"""Brings one sandbox as far as it can be brought now: read, decide, do, write, again.

The status is written on the version of the object that was decided on. If that has changed
meanwhile, nothing is written and everything is decided anew; what the step did is done again or
undone by whatever is decided then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from infra.errors import ConfigError, LabError
from infra.operator import events, life
from infra.operator.clock import ApiClock
from infra.operator.cluster import Cluster
from infra.operator.leader import Leader
from infra.operator.life import Act, Rules, Step, Wait
from infra.operator.metrics import Metrics
from infra.operator.transitions import Outcome, after
from infra.sandbox.resource import PATH, Sandbox, Status

#: A life has fewer steps; more would be two decisions that undo each other.
MOST_STEPS = 60
#: Steps that change the object itself, so that it has to be read again.
_OF_THE_OBJECT = frozenset({Step.ADOPT, Step.RELEASE, Step.FORGET})
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
            self.metrics.seen(name, sandbox.status.phase)
            decided = life.decide(sandbox, self.clock.now(), self.rules)
            if isinstance(decided, Wait):
                return None if decided.until is None else max(0.0, self.clock.left(decided.until))
            body = self._do(sandbox, decided)
        raise ConfigError(
            f"sandbox {name} does not come to rest.",
            next_step="report it: this is a fault of the operator.",
        )

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
        if changed and status.phase not in life.ENDED:
            self._tell(sandbox, status)
        return answer.body

    def _tell(self, sandbox: Sandbox, status: Status) -> None:
        """An event is for people: a step does not fail for want of it, but it is said."""
        try:
            answer = events.tell(self.cluster.api, sandbox, status, self.clock.now(), self.instance)
            if not answer.ok and answer.status != 409:
                raise answer.refused(f"event of Sandbox {sandbox.name}")
        except LabError as error:
            self.metrics.failed("event", error.code)
            self.log.warning("event not told", sandbox=sandbox.name, **error.as_dict())


def written(status: Status) -> dict[str, Any]:
    """A status as the API has it: every field that says something."""
    return status.model_dump(by_alias=True, mode="json", exclude_none=True)
