"""Leads many sandboxes through their lives at the same time, as people would, and only by looking
at what the API server shows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.sandbox.resource import PATH, Phase
from tests.harness.sandbox_lab import APPROVERS, OFFICER, REQUESTER, SandboxLab

_MORE = {"name": "more", "extend": "1h", "reason": "it takes longer"}
_STRANGE = {"by": OFFICER, "reason": "it behaves strangely"}
#: What is in the log of a whole life, in this order; `sweep` without its number.
EVENTS = (
    "Requested",
    "Approved",
    "Provisioning",
    "ProbePassed",
    "Ready",
    "RenewalRequested",
    "RenewalApproved",
    "Renewed",
    "Suspended",
    "Resumed",
    "Expiring",
    "AccessRevoked",
    "KeyDestroyed",
    "VolumesWiped",
    "NamespaceGone",
    "Swept",
    "Certified",
    "Destroyed",
)


@dataclass
class Life:
    """One sandbox: asked for, approved, renewed, suspended, let go on, deleted."""

    lab: SandboxLab
    name: str
    uid: str = ""
    #: Everything that it was ever called.
    identities: set[str] = field(default_factory=set)
    over: bool = False
    _told: set[str] = field(default_factory=set)

    def begin(self) -> None:
        self.uid = str(self.lab.request(self.name)["metadata"]["uid"])

    def look(self, found: dict[str, Any] | None) -> None:
        """Says what comes next, if it is its time."""
        if found is None:
            self.over = "deleted" in self._told
            assert self.over, f"{self.name} went although nobody deleted it"
            return
        status = found.get("status") or {}
        if status.get("identity"):
            self.identities.add(status["identity"])
        phase = status.get("phase")
        if phase == Phase.REQUESTED and status.get("conditions"):
            self._once("approved", lambda: self.lab.approve(self.name))
        elif phase == Phase.READY and not status.get("renewed"):
            self._once("asked for more", lambda: self._spec(REQUESTER, renewals=[_MORE]))
            approved = {**_MORE, "approvals": [{"by": APPROVERS[0]}]}
            self._once("given more", lambda: self._spec(APPROVERS[0], renewals=[approved]))
        elif phase == Phase.READY and not status.get("suspensions"):
            self._once("suspended", lambda: self._spec(OFFICER, suspension=_STRANGE))
        elif phase == Phase.SUSPENDED:
            self._once("let go on", lambda: self._spec(OFFICER, suspension=None))
        elif phase == Phase.READY:
            self._once("deleted", lambda: self.lab.delete(self.name))

    def _once(self, what: str, action: Any) -> None:
        if what not in self._told:
            action()
            self._told.add(what)

    def _spec(self, by: str, **spec: Any) -> None:
        self.lab.change(self.name, by, spec)


def lead(lab: SandboxLab, lives: Iterable[Life], within: float) -> None:
    """Until all are over; says which are not, after so many seconds."""
    going = list(lives)
    for life in going:
        life.begin()
    end = time.monotonic() + within
    while going:
        found = {one["metadata"]["name"]: one for one in lab.api.items(PATH)}
        for life in going:
            life.look(found.get(life.name))
        going = [life for life in going if not life.over]
        left = {life.name: found.get(life.name, {}).get("status") for life in going}
        assert time.monotonic() < end, f"not over after {within} s: {left}"
        time.sleep(0.1)
