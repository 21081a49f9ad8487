"""Reviews of files that are to enter or leave a sandbox: who said what is recorded, and what came
of it is written.

The operator moves no files and approves none: it counts. Everything may be repeated; what was said
is recorded in the sandbox's evidence before its review is called decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from infra import naming
from infra.errors import ConfigError, EvidenceRefused
from infra.evidence.records import Event, digest
from infra.operator import life
from infra.operator.clock import ApiClock
from infra.operator.cluster import Cluster
from infra.operator.journal import Journal
from infra.operator.leader import Leader
from infra.operator.life import Rules
from infra.operator.metrics import Metrics
from infra.sandbox import resource
from infra.sandbox.resource import Condition, Sandbox
from infra.sandbox.transfer import DECIDED, Phase, Status, Transfer, path_of

#: Type of the one condition.
REVIEWED = "Reviewed"
#: How often one that changes under our hands is looked at again at once.
_ATTEMPTS = 10
_MERGE = "application/merge-patch+json"
#: Phases of a sandbox in which files may be asked for.
_ALIVE = frozenset({resource.Phase.READY, resource.Phase.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Decision:
    """How far a review is, and why, in words."""

    phase: Phase
    because: str


def decide(transfer: Transfer, sandbox: Sandbox, rules: Rules) -> Decision:
    """How far its review is. Pure."""
    spec = transfer.spec
    if spec.rejection is not None:
        return Decision(Phase.REJECTED, spec.rejection.reason)
    count, needed = len(reviewers(transfer, sandbox)), required(sandbox, rules)
    phase = Phase.APPROVED if count >= needed else Phase.REQUESTED
    return Decision(phase, f"{count} of {needed} approvals")


def required(sandbox: Sandbox, rules: Rules) -> int:
    """How many others must approve: never nobody, even where sandboxes themselves need none."""
    return max(1, rules.needed(sandbox.spec.classification))


def reviewers(transfer: Transfer, sandbox: Sandbox) -> tuple[str, ...]:
    """Those whose approval counts: of this very request, and neither by who asks nor by whose
    sandbox it is.
    """
    voices = [one for one in transfer.spec.approvals if one.uid == transfer.uid]
    counted = life.approvers(transfer.spec.requester, voices)
    return tuple(one for one in counted if one != sandbox.spec.requester)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Methods raise LabError; then everything may be repeated."""

    cluster: Cluster
    clock: ApiClock
    leader: Leader
    rules: Rules
    journal: Journal
    metrics: Metrics
    log: Any

    def reconcile(self, namespace: str, name: str) -> None:
        """Brings one review as far as it can be brought now."""
        if not namespace.startswith(naming.sandbox_namespace(naming.REQUESTED_PREFIX)):
            # Of a sandbox of the configuration: nobody keeps evidence of that.
            return
        for _ in range(_ATTEMPTS):
            body = self.cluster.get(path_of(namespace, name))
            if body is None:
                return
            transfer = _read(namespace, name, body)
            if transfer.status.phase in DECIDED:
                return
            self.leader.require()
            with self.metrics.step("review"):
                status = self._reviewed(transfer)
                if status is None or self._write(transfer, status):
                    return
        raise ConfigError(
            f"the review of {namespace}/{name} does not come to rest.",
            next_step="it is looked at again; if that lasts, report it as a fault.",
        )

    def _reviewed(self, transfer: Transfer) -> Status | None:
        """Records what is new, and says what the status should be; None: it stays as it is."""
        body = self.cluster.get(f"{resource.PATH}/{transfer.spec.sandbox}")
        sandbox = None if body is None else Sandbox.of(body)
        if sandbox is None or sandbox.status.namespace != transfer.namespace:
            return self._status(
                transfer, Decision(Phase.REFUSED, "spec.sandbox is not the sandbox it lies in"), ""
            )
        if sandbox.status.phase not in _ALIVE:
            # It goes with its sandbox, whose log may be closed already.
            return None
        found = decide(transfer, sandbox, self.rules)
        try:
            head = self._recorded(transfer, sandbox, found)
        except EvidenceRefused as error:
            # What cannot be recorded is not approved.
            return self._status(transfer, Decision(Phase.REFUSED, error.message[:500]), "")
        return self._status(transfer, found, head)

    def _recorded(self, transfer: Transfer, sandbox: Sandbox, found: Decision) -> str:
        """Everything that was said so far, once; the digest of the last record."""
        spec, key = transfer.spec, f"airlock/{transfer.uid}"
        named: dict[str, JsonValue] = {"transfer": transfer.name, "uid": transfer.uid}
        head = self.journal.note(
            sandbox, Event.AIRLOCK_REQUESTED, key, {**named, **_asked(transfer)}, by=spec.requester
        )
        for by in reviewers(transfer, sandbox):
            said: dict[str, JsonValue] = {**named, "verdict": "approved"}
            each = f"{key}/{digest(by.encode())[:32]}"
            head = self.journal.note(sandbox, Event.AIRLOCK_REVIEWED, each, said, by=by)
        if spec.rejection is not None:
            no: dict[str, JsonValue] = {
                **named,
                "verdict": "rejected",
                "reason_sha256": digest(spec.rejection.reason.encode()),
            }
            rejected = f"{key}/rejected"
            self.journal.note(sandbox, Event.AIRLOCK_REVIEWED, rejected, no, by=spec.rejection.by)
            refused: dict[str, JsonValue] = {**named, "because": "rejected"}
            head = self.journal.note(sandbox, Event.AIRLOCK_REFUSED, f"{key}/refused", refused)
        if found.phase is Phase.APPROVED:
            enough: dict[str, JsonValue] = {
                **named,
                "verdict": "enough",
                "needed": required(sandbox, self.rules),
            }
            head = self.journal.note(sandbox, Event.AIRLOCK_REVIEWED, f"{key}/enough", enough)
        return head

    def _status(self, transfer: Transfer, found: Decision, head: str) -> Status:
        before = next((one for one in transfer.status.conditions if one.type == REVIEWED), None)
        truth = "True" if found.phase in DECIDED else "False"
        now = self.clock.now().replace(microsecond=0)
        same = before is not None and before.status == truth
        told = Condition(
            type=REVIEWED,
            status=truth,
            reason=found.phase.value,
            message=found.because,
            last_transition_time=before.last_transition_time if same and before else now,
        )
        return Status(
            phase=found.phase,
            evidence_head=head or None,
            observed_generation=transfer.generation,
            conditions=(told,),
        )

    def _write(self, transfer: Transfer, status: Status) -> bool:
        """Whether it is written; else it has changed meanwhile."""
        if status == transfer.status:
            return True
        self.leader.require()
        answer = self.cluster.api.request(
            "PATCH",
            f"{transfer.path}/status",
            body={
                "metadata": {"uid": transfer.uid, "resourceVersion": transfer.resource_version},
                "status": status.model_dump(by_alias=True, mode="json", exclude_none=True),
            },
            content_type=_MERGE,
        )
        if answer.status in (404, 409):
            self.metrics.conflict()
            return False
        if not answer.ok:
            raise answer.refused(f"status of Transfer {transfer.namespace}/{transfer.name}")
        self.log.info(
            "reviewed",
            transfer=transfer.name,
            sandbox=transfer.spec.sandbox,
            phase=status.phase.value,
        )
        return True


def _asked(transfer: Transfer) -> Mapping[str, JsonValue]:
    """What was asked for, as far as it is recorded: what exactly, and what is disclosed by it."""
    spec = transfer.spec
    found: dict[str, JsonValue] = {
        "direction": spec.direction.value,
        "content": spec.content.value,
        "files": [
            {"name": one.name, "sha256": one.sha256, "size": one.size, "type": one.type}
            for one in spec.files
        ],
    }
    return found if spec.note is None else {**found, "note": spec.note}


def _read(namespace: str, name: str, body: Mapping[str, Any]) -> Transfer:
    try:
        return Transfer.of(body)
    except ValidationError as error:
        fields = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
        raise ConfigError(
            f"{namespace}/{name} is no Transfer that this operator understands: "
            f"{', '.join(fields)}.",
            next_step="see whether the operator is older than the cluster's definition.",
        ) from error
