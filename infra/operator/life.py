"""The next step of a sandbox. Pure: its object, the API server's time and the lab's rules in.

Nothing is remembered between two questions but what is in the status, so that it does not matter
who asks, how often, and whether somebody was killed in between. `transitions` says what the status
becomes once a step is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from infra.operator import budget
from infra.operator.budget import Price
from infra.sandbox.resource import (
    FINALIZER,
    Approval,
    Condition,
    Ending,
    Phase,
    Renewal,
    Sandbox,
    duration,
)


class Step(StrEnum):
    """What can be done for a sandbox. Each may be repeated at will."""

    #: From now on its object does not go before it is destroyed.
    ADOPT = "adopt"
    #: Says, and records, who has approved what, and what is still missing.
    NOTE = "note"
    REJECT = "reject"
    #: It can never be made.
    REFUSE = "refuse"
    #: Its object was deleted before anything was made.
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    #: Gets the random name that everything of it has.
    IDENTIFY = "identify"
    PROVISION = "provision"
    PROBE = "probe"
    #: Lets its person in.
    ADMIT = "admit"
    RENEW = "renew"
    #: Says that there is no room for it yet.
    QUEUE = "queue"
    #: Says that most of its budget is spent.
    WARN = "warn"
    SUSPEND = "suspend"
    RESUME = "resume"
    #: From now on it is destroyed, and nothing else.
    END = "end"
    #: Nobody gets in any more.
    CLOSE = "close"
    #: Its key and its secrets are gone.
    SHRED = "shred"
    #: Its pods and volumes are gone.
    EMPTY = "empty"
    #: Its namespace is gone.
    REMOVE = "remove"
    #: Leftovers are looked for, and its deletion is certified.
    CERTIFY = "certify"
    #: Its object was kept for long enough.
    FORGET = "forget"
    #: Its object may go.
    RELEASE = "release"


class Done(StrEnum):
    """Types of conditions: the steps that were done, and what somebody waits for."""

    APPROVED = "Approved"
    PROVISIONED = "Provisioned"
    ISOLATED = "Isolated"
    READY = "Ready"
    RENEWAL = "RenewalPending"
    QUOTA_EXCEEDED = "QuotaExceeded"
    BUDGET_NEARLY_SPENT = "BudgetNearlySpent"
    ACCESS_REVOKED = "AccessRevoked"
    KEY_DESTROYED = "KeyDestroyed"
    VOLUMES_WIPED = "VolumesWiped"
    NAMESPACE_GONE = "NamespaceGone"
    #: Nothing will be done for it any more.
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class Limits:
    """Sandboxes that may live at the same time; None: as many as there are."""

    per_requester: int | None = None
    total: int | None = None

    def __bool__(self) -> bool:
        return self.per_requester is not None or self.total is not None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the lab's configuration says."""

    #: How many others must have approved, by classification.
    approvals: Mapping[str, int]
    #: No renewal goes beyond this.
    longest_life: timedelta
    profiles: frozenset[str]
    #: How often probes may say that a wall does not hold.
    attempts: int = 3
    #: How long the making may take.
    patience: timedelta = timedelta(minutes=15)
    #: By profile; others cost nothing.
    prices: Mapping[str, Price] = field(default_factory=dict)
    #: Part of a budget after which people are warned.
    warn_at: Decimal = Decimal("0.8")
    limits: Limits = Limits()

    def needed(self, classification: str) -> int:
        """Approvals by others; one where the configuration says nothing."""
        return self.approvals.get(classification, 1)


@dataclass(frozen=True, slots=True)
class Act:
    """The step to do now."""

    step: Step
    ending: Ending | None = None
    #: Names of the renewals that count from now on.
    renewals: tuple[str, ...] = ()
    #: For people: why it is refused or ends.
    because: str = ""
    #: Why there is no room for it.
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before its object changes, or this time comes."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A condition as it should be."""

    type: Done
    status: bool
    reason: str
    message: str

    def holds(self, conditions: Iterable[Condition]) -> bool:
        found = condition(conditions, self.type)
        told = (str(self.status), self.reason, self.message)
        return found is not None and (found.status, found.reason, found.message) == told


#: What is done to destroy a sandbox, in this order, and what says that it was done.
DESTRUCTION = (
    (Done.ACCESS_REVOKED, Step.CLOSE),
    (Done.KEY_DESTROYED, Step.SHRED),
    (Done.VOLUMES_WIPED, Step.EMPTY),
    (Done.NAMESPACE_GONE, Step.REMOVE),
)
ENDED = frozenset({Phase.DESTROYED, Phase.REJECTED, Phase.FAILED})


def decide(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | Wait:
    """What is to be done next. `now` is the API server's time."""
    status = sandbox.status
    match status.phase:
        case Phase.DESTROYED | Phase.REJECTED | Phase.FAILED:
            return _ended(sandbox, now)
        case Phase.EXPIRING:
            return _destruction(sandbox)
    if FINALIZER not in sandbox.finalizers:
        # Without it a deleted object is on its way already, and nothing was made for it.
        return Wait() if sandbox.deleted_at else Act(Step.ADOPT)
    match status.phase:
        case Phase.REQUESTED | Phase.APPROVED:
            return _asked_for(sandbox, rules)
        case Phase.PROVISIONING:
            return _making(sandbox, now, rules)
        case Phase.READY | Phase.SUSPENDED:
            return _alive(sandbox, now, rules)


def approvers(requester: str, approvals: Iterable[Approval]) -> tuple[str, ...]:
    """Those whose approval counts: whatever the API server let through, never the requester's."""
    return tuple(sorted({approval.by for approval in approvals} - {requester, ""}))


def end_of(sandbox: Sandbox, rules: Rules) -> datetime | None:
    """When its life ends, whatever its renewals say: its time or its budget is spent.

    None if it has no life.
    """
    status = sandbox.status
    if status.ready_at is None or status.expires_at is None:
        return None
    ends = (status.expires_at, status.ready_at + rules.longest_life, budget.end(status))
    return min(end for end in ends if end is not None)


def approval(sandbox: Sandbox, rules: Rules) -> Told:
    """How far its approval is."""
    needed = rules.needed(sandbox.spec.classification)
    count = len(approvers(sandbox.spec.requester, sandbox.spec.approvals))
    said = f"{count} of {needed} approvals"
    enough = count >= needed
    return Told(Done.APPROVED, enough, "Approved" if enough else "AwaitingApproval", said)


def renewal(sandbox: Sandbox) -> Told | None:
    """Which renewals wait for approval; None as long as none was ever asked for."""
    if not sandbox.spec.renewals:
        return None
    names = [one.name for one in sandbox.spec.renewals if one.name not in sandbox.status.renewed]
    reason = "AwaitingApproval" if names else "Decided"
    return Told(Done.RENEWAL, bool(names), reason, ", ".join(names))


def condition(conditions: Iterable[Condition], type_: Done) -> Condition | None:
    return next((found for found in conditions if found.type == type_), None)


def is_done(sandbox: Sandbox, type_: Done) -> bool:
    found = condition(sandbox.status.conditions, type_)
    return found is not None and found.status == "True"


def _asked_for(sandbox: Sandbox, rules: Rules) -> Act | Wait:
    spec, status = sandbox.spec, sandbox.status
    if sandbox.deleted_at:
        return Act(Step.WITHDRAW, Ending.DELETED)
    if spec.rejection:
        return Act(Step.REJECT, because=spec.rejection.reason)
    told = approval(sandbox, rules)
    if not told.holds(status.conditions):
        return Act(Step.NOTE)
    if spec.profile not in rules.profiles:
        return Act(Step.REFUSE, because=f"this lab has no profile {spec.profile!r}")
    if not told.status or spec.suspension:
        return Wait()
    return Act(Step.APPROVE if status.phase is Phase.REQUESTED else Step.IDENTIFY)


def _making(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | Wait:
    ending = _no(sandbox) or _over(sandbox, now, rules) or _given_up(sandbox, now, rules)
    if ending:
        return ending
    if not is_done(sandbox, Done.PROVISIONED):
        return Act(Step.PROVISION)
    expires = end_of(sandbox, rules)
    if not is_done(sandbox, Done.ISOLATED) or expires is None:
        return Act(Step.PROBE)
    told = approval(sandbox, rules)
    if not told.holds(sandbox.status.conditions):
        return Act(Step.NOTE)
    return Act(Step.ADMIT) if told.status and not sandbox.spec.suspension else Wait(expires)


def _alive(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | Wait:
    expires = end_of(sandbox, rules)
    if ending := _no(sandbox) or _over(sandbox, now, rules):
        return ending
    if expires is None:
        return Act(Step.END, Ending.EXPIRED, because="its status does not say when it ends")
    suspended, suspension = sandbox.status.phase is Phase.SUSPENDED, sandbox.spec.suspension
    if suspension and not suspended:
        return Act(Step.SUSPEND, because=suspension.reason)
    if renewing := _renewing(sandbox, rules):
        return renewing
    if suspended and not suspension:
        return Act(Step.RESUME)
    return _spending(sandbox, now, rules) or Wait(expires)


def _spending(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | Wait | None:
    """The warning that a budget is nearly spent, if one is still to come."""
    due = budget.warning(sandbox.status, rules.warn_at)
    expires = end_of(sandbox, rules)
    if due is None or expires is None or due >= expires:
        return None
    if is_done(sandbox, Done.BUDGET_NEARLY_SPENT):
        return None
    return Act(Step.WARN) if now >= due else Wait(due)


def _renewing(sandbox: Sandbox, rules: Rules) -> Act | None:
    """What there is to do about renewals."""
    if approved := _approved_renewals(sandbox, rules):
        return Act(Step.RENEW, renewals=approved)
    told = renewal(sandbox)
    return Act(Step.NOTE) if told and not told.holds(sandbox.status.conditions) else None


def _over(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | None:
    """Its time is over, or its budget is spent."""
    expires = end_of(sandbox, rules)
    if expires is None or now < expires:
        return None
    spent = budget.end(sandbox.status)
    if spent is not None and spent <= expires:
        return Act(Step.END, Ending.OUT_OF_BUDGET, because="its budget is spent")
    return Act(Step.END, Ending.EXPIRED)


def _given_up(sandbox: Sandbox, now: datetime, rules: Rules) -> Act | None:
    """It could not be made for too long or too often."""
    if sandbox.status.attempts >= rules.attempts:
        return _failed("probes say that its walls do not hold")
    begun = condition(sandbox.status.conditions, Done.PROVISIONED)
    if is_done(sandbox, Done.ISOLATED) or begun is None or begun.last_transition_time is None:
        return None
    if now < begun.last_transition_time + rules.patience:
        return None
    return _failed(f"it could not be made within {rules.patience}")


def _no(sandbox: Sandbox) -> Act | None:
    """Somebody wants it destroyed."""
    if sandbox.deleted_at:
        return Act(Step.END, Ending.DELETED)
    if sandbox.spec.rejection:
        return Act(Step.END, Ending.REJECTED, because=sandbox.spec.rejection.reason)
    return None


def _failed(because: str) -> Act:
    return Act(Step.END, Ending.PROVISIONING_FAILED, because=because)


def _approved_renewals(sandbox: Sandbox, rules: Rules) -> tuple[str, ...]:
    return tuple(
        one.name
        for one in sandbox.spec.renewals
        if one.name not in sandbox.status.renewed and renewal_approved(sandbox, one, rules)
    )


def renewal_approved(sandbox: Sandbox, one: Renewal, rules: Rules) -> bool:
    """Whether as many others said yes to this as had to say yes to the sandbox."""
    count = len(approvers(sandbox.spec.requester, one.approvals))
    # A sandbox that needs no approval may still not live on without anybody's.
    return count >= max(1, rules.needed(sandbox.spec.classification))


def extension(sandbox: Sandbox, names: Iterable[str]) -> timedelta:
    """How much longer these renewals let it live."""
    chosen = set(names)
    return sum(
        (duration(one.extend) for one in sandbox.spec.renewals if one.name in chosen), timedelta()
    )


def _destruction(sandbox: Sandbox) -> Act:
    ending = Ending(sandbox.status.ending) if sandbox.status.ending else Ending.EXPIRED
    for done, step in DESTRUCTION:
        if not is_done(sandbox, done):
            return Act(step, ending)
    return Act(Step.CERTIFY, ending)


def _ended(sandbox: Sandbox, now: datetime) -> Act | Wait:
    if sandbox.deleted_at:
        return Act(Step.RELEASE) if FINALIZER in sandbox.finalizers else Wait()
    ended = condition(sandbox.status.conditions, Done.ENDED)
    if ended is None or ended.last_transition_time is None:
        return Wait()
    due = ended.last_transition_time + timedelta(days=sandbox.spec.evidence.retention_days)
    return Act(Step.FORGET) if now >= due else Wait(due)
