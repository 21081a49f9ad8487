"""Where each control stands: satisfied, in place, not satisfied, or out of scope."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.audit import Audited, Stand
from policies.controls import claims as claiming
from policies.controls.catalogue import Control, controls
from policies.controls.claims import Claim, Served, Server
from policies.controls.code import Code, fits, verified
from policies.rule import NotHere


class State(StrEnum):
    """Where a control stands."""

    #: Everything that serves it passed.
    SATISFIED = "satisfied"
    #: It is served, and this report does not judge everything that serves it.
    IN_PLACE = "in place, not judged"
    NOT_SATISFIED = "not satisfied"
    OUT = "out of scope"


class Outcome(StrEnum):
    """What was found of a rule or a check."""

    PASSED = "passed"
    FAILED = "failed"
    #: It could not be judged; somebody said why.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One rule's or check's outcome, and why it is not a pass."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found on a live system, by rule and by check."""

    rules: Mapping[str, Result] = field(default_factory=dict)
    checks: Mapping[str, Result] = field(default_factory=dict)

    def of(self, server: Server) -> Result | None:
        match server.by:
            case "rule":
                return self.rules.get(server.id)
            case "check" if server.id in self.checks:
                return self.checks[server.id]
            case "check":
                cases = [one for id_, one in self.checks.items() if fits(id_, server.id)]
                return functools.reduce(_worse, cases) if cases else None
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one control stands. `because` says why it is not satisfied, not judged, or out of
    scope; `planned` that this is known and meant to change.
    """

    control: Control
    state: State
    servers: tuple[Server, ...] = ()
    because: tuple[str, ...] = ()
    planned: bool = False


def of_verify(document: Mapping[str, Any]) -> dict[str, Result]:
    """Results by check and by its cases, from what `lab verify --json` prints. Of a check as a
    whole the worst case counts.
    """
    found: dict[str, Result] = {}
    for entry in document["checks"]:
        result = Result(Outcome(entry["outcome"]), str(entry.get("message", "")))
        for id_ in {entry["id"], entry["id"].partition("[")[0]}:
            found[id_] = _worse(found.get(id_, result), result)
    return found


def of_audit(outcomes: Mapping[str, str]) -> dict[str, Result]:
    """Results by rule, from a mapping of rule ids to passed, failed or skipped."""
    return {id_: Result(Outcome(word)) for id_, word in outcomes.items()}


def of_audited(audited: Iterable[Audited]) -> dict[str, Result]:
    """Results by rule: failed if it is broken anywhere, passed if it holds where it was looked at
    last (on the live system, or else in the cluster's admission, or else as declared).
    """
    return {one.rule.id: _of_places(one) for one in audited}


def _of_places(audited: Audited) -> Result:
    here = [one for one in audited.places.values() if one.stand is not Stand.NOT_HERE]
    faults = [f"{f.object}: {f.message}" for one in here for f in one.faults]
    if audited.broken:
        return Result(Outcome.FAILED, "; ".join(faults))
    last = here[-1]
    if last.stand is Stand.HOLDS:
        return Result(Outcome.PASSED)
    return Result(Outcome.SKIPPED, last.because or "; ".join(faults))


def _worse(one: Result, other: Result) -> Result:
    order = (Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED)
    return min(one, other, key=lambda result: order.index(result.outcome))


def standings(
    claimed: Mapping[str, Claim], code: Code, accepted: Served, evidence: Evidence
) -> list[Standing]:
    """Every control of every catalogue."""
    served = claiming.serving(claimed, code)
    found = []
    for one in controls().values():
        claim = claimed.get(one.id, Claim())
        gone = accepted.get(one.id, frozenset()) - served[one.id]
        faults = [f"the {server.by} {server.id} is gone" for server in sorted(gone)]
        faults += claiming.missing(one.id, claim, code)
        servers = tuple(sorted(served[one.id]))
        faults += _failures(servers, evidence)
        open_ = tuple(_unjudged(servers, code, evidence))
        found.append(_standing(one, claim, servers, faults=faults, open_=open_))
    return found


def _standing(
    control: Control,
    claim: Claim,
    servers: tuple[Server, ...],
    *,
    faults: list[str],
    open_: tuple[str, ...],
) -> Standing:
    if claim.out:
        return Standing(control, State.OUT, servers, (claim.out,))
    if claim.planned:
        because = (claim.planned, *faults)
        return Standing(control, State.NOT_SATISFIED, servers, because, planned=True)
    if not servers:
        faults.append("nothing serves it")
    if faults:
        return Standing(control, State.NOT_SATISFIED, servers, tuple(dict.fromkeys(faults)))
    return Standing(control, State.IN_PLACE if open_ else State.SATISFIED, servers, open_)


def _failures(servers: Iterable[Server], evidence: Evidence) -> list[str]:
    return [
        f"{one.by} {one.id} failed" + (f": {result.why}" if result.why else "")
        for one in servers
        if (result := evidence.of(one)) and result.outcome is Outcome.FAILED
    ]


def _unjudged(servers: Iterable[Server], code: Code, evidence: Evidence) -> Iterator[str]:
    """What stands between a control that is served and a judgement."""
    judged = False
    for one in servers:
        result = evidence.of(one)
        if result is not None and result.outcome is Outcome.PASSED:
            judged = True
        elif result is not None:
            yield f"{one.by} {one.id} was skipped" + (f": {result.why}" if result.why else "")
        elif one.by == "check" or (one.by == "rule" and _is_audited(one.id, code)):
            yield f"{one.by} {one.id} was not asked"
    if not judged:
        yield "no live result"


def _is_audited(id_: str, code: Code) -> bool:
    """Whether an audit must say something of a rule itself; checks speak for some."""
    rule = code.rules[id_]
    return not isinstance(rule.live, NotHere) and not verified(rule)
