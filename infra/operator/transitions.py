"""What the status of a sandbox becomes once a step is done. Pure.

Everything that a step did is in here, and nothing else is: whoever reads the status after a kill
knows what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.operator import budget, life
from infra.operator.budget import Price
from infra.operator.life import Act, Done, Rules, Step, Told
from infra.sandbox.resource import Condition, Ending, Phase, Sandbox, Status, duration

Update = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step found out, as far as it concerns the status.

    `fields` are fields of `Status`; `failed` is why a step that may fail for good did so.
    """

    fields: Update = field(default_factory=dict)
    failed: str = ""


def after(
    sandbox: Sandbox, act: Act, now: datetime, rules: Rules, outcome: Outcome | None = None
) -> Status:
    """The status that says that `act` was done. `now` is the API server's time.

    Steps that change no status (`ADOPT`, `RELEASE`, `FORGET`) leave it as it is.
    """
    found = outcome or Outcome()
    # As the API server itself writes times.
    now = now.replace(microsecond=0)
    change = _CHANGES.get(act.step)
    if change is None:
        return sandbox.status
    fields, told = change(sandbox, act, now, rules, found)
    conditions = sandbox.status.conditions
    for one in told:
        conditions = _with(conditions, one, now)
    status = sandbox.status.model_copy(
        update={
            **found.fields,
            **fields,
            "conditions": conditions,
            "observed_generation": sandbox.generation,
        }
    )
    return _counted(sandbox, status, now)


def _counted(sandbox: Sandbox, status: Status, now: datetime) -> Status:
    """With what it has cost; what is being destroyed costs nothing more."""
    if sandbox.status.phase in (Phase.EXPIRING, *life.ENDED):
        return status
    cost = budget.cost(status, now)
    return status if cost is None else status.model_copy(update={"cost": str(cost)})


def _with(conditions: tuple[Condition, ...], told: Told, now: datetime) -> tuple[Condition, ...]:
    before = life.condition(conditions, told.type)
    status = str(told.status)
    since = before.last_transition_time if before and before.status == status else None
    made = Condition(
        type=told.type,
        status=status,
        reason=told.reason,
        message=told.message,
        last_transition_time=since or now,
    )
    return (*(one for one in conditions if one.type != told.type), made)


Change = tuple[Update, list[Told]]


def _note(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del act, now, found
    told = [life.approval(sandbox, rules), life.renewal(sandbox)]
    return {}, [one for one in told if one is not None]


def _reject(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, now, rules, found
    return {"phase": Phase.REJECTED}, [Told(Done.ENDED, True, "Rejected", act.because)]


def _refuse(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, now, rules, found
    return {"phase": Phase.FAILED}, [Told(Done.ENDED, True, "CannotBeMade", act.because)]


def _withdraw(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    """Or, if something was made after all, what that is: then it is destroyed like any other."""
    if "identity" in found.fields:
        return _end(sandbox, act, now, rules, found)
    return (
        {"phase": Phase.DESTROYED, "ending": Ending.DELETED},
        [Told(Done.ENDED, True, "Withdrawn", "Nothing was made.")],
    )


def _approve(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del act, now, found
    told = [life.approval(sandbox, rules)]
    if life.is_done(sandbox, Done.QUOTA_EXCEEDED):
        told.append(Told(Done.QUOTA_EXCEEDED, False, "Room", ""))
    return {"phase": Phase.APPROVED}, told


def _queue(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, now, rules, found
    return {}, [act.told] if act.told else []


def _warn(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del act, found
    spent, may = budget.cost(sandbox.status, now), sandbox.status.budget
    said = f"{spent} of {may} euro are spent; at {life.end_of(sandbox, rules)} it ends."
    return {}, [Told(Done.BUDGET_NEARLY_SPENT, True, "NearlySpent", said)]


def _identify(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    """Unless no sandbox may be what is asked for."""
    del act
    if found.failed:
        return _refuse(sandbox, Act(Step.REFUSE, because=found.failed), now, rules, found)
    told = Told(Done.PROVISIONED, False, "InProgress", "")
    return {"phase": Phase.PROVISIONING}, [told]


def _provision(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, act, now, rules, found
    return {}, [Told(Done.PROVISIONED, True, "Made", "")]


def _probe(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    """Its life begins when it is seen to be isolated: nobody is let in before there is an end."""
    del act
    if found.failed:
        return (
            {"attempts": sandbox.status.attempts + 1},
            [Told(Done.ISOLATED, False, "NotIsolated", found.failed)],
        )
    life_time = min(duration(sandbox.spec.ttl), rules.longest_life)
    price = rules.prices.get(sandbox.spec.profile, Price())
    fields = {
        "ready_at": now,
        "expires_at": now + life_time,
        **budget.agreed(sandbox, price),
    }
    begun = sandbox.model_copy(update={"status": sandbox.status.model_copy(update=fields)})
    # What people see is when it really ends.
    fields["expires_at"] = life.end_of(begun, rules)
    return fields, [Told(Done.ISOLATED, True, "Probed", "")]


def _admit(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, act, now, rules, found
    return {"phase": Phase.READY}, [Told(Done.READY, True, "Ready", "")]


def _renew(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del now, found
    status = sandbox.status
    if status.ready_at is None or status.expires_at is None:
        raise ValueError(f"{sandbox.name} has no life that could be renewed")
    fields = {
        "renewed": (*status.renewed, *act.renewals),
        "expires_at": status.expires_at + life.extension(sandbox, act.renewals),
    }
    longer = sandbox.model_copy(update={"status": status.model_copy(update=fields)})
    # No longer than anything may live, and no longer than its budget lasts.
    fields["expires_at"] = life.end_of(longer, rules)
    told = life.renewal(longer)
    return fields, [told] if told else []


def _suspend(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del now, rules, found
    fields = {"phase": Phase.SUSPENDED, "suspensions": sandbox.status.suspensions + 1}
    return fields, [Told(Done.READY, False, "Suspended", act.because)]


def _resume(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    return _admit(sandbox, act, now, rules, found)


def _end(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, now, rules, found
    ending = act.ending or Ending.EXPIRED
    fields = {"phase": Phase.EXPIRING, "ending": ending}
    return fields, [Told(Done.READY, False, ending, act.because)]


def _done(type_: Done) -> Callable[..., Change]:
    def change(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
        del sandbox, act, now, rules, found
        return {}, [Told(type_, True, "Done", "")]

    return change


def _certify(sandbox: Sandbox, act: Act, now: datetime, rules: Rules, found: Outcome) -> Change:
    del sandbox, now, rules, found
    failed = act.ending is Ending.PROVISIONING_FAILED
    phase = Phase.FAILED if failed else Phase.DESTROYED
    return {"phase": phase}, [Told(Done.ENDED, True, str(act.ending), "Nothing is left of it.")]


_CHANGES: dict[Step, Callable[[Sandbox, Act, datetime, Rules, Outcome], Change]] = {
    Step.NOTE: _note,
    Step.REJECT: _reject,
    Step.REFUSE: _refuse,
    Step.WITHDRAW: _withdraw,
    Step.QUEUE: _queue,
    Step.WARN: _warn,
    Step.APPROVE: _approve,
    Step.IDENTIFY: _identify,
    Step.PROVISION: _provision,
    Step.PROBE: _probe,
    Step.ADMIT: _admit,
    Step.RENEW: _renew,
    Step.SUSPEND: _suspend,
    Step.RESUME: _resume,
    Step.END: _end,
    **{step: _done(type_) for type_, step in life.DESTRUCTION},
    Step.CERTIFY: _certify,
}
