"""Engine events of the Pulumi CLI (`--event-log`, one JSON object a line), as far as we use them.

Source: sdk/go/common/apitype/events.go of Pulumi 3.259.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from infra.provider import tokens

#: Operations that leave the resource as it was.
UNCHANGED = frozenset({"same", "read", "refresh"})


@dataclass(frozen=True, slots=True)
class ResourceEvent:
    """A step of one resource began, ended or failed."""

    state: Literal["started", "done", "failed"]
    operation: str
    urn: str
    type: str
    #: Names of the properties that differ, where the engine says so.
    diffs: tuple[str, ...] = ()
    #: What the program asks for, as far as it is known; Pulumi masks secrets in it.
    inputs: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    #: What the provider answers, and the id that it gives; at a preview as far as it is known.
    outputs: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    id: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message of the engine, a plugin or the program."""

    severity: str
    message: str
    urn: str = ""
    #: True for a line that only says what goes on right now.
    ephemeral: bool = False

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, slots=True)
class Violation:
    """What a policy says of a resource, or (`urn` is empty) of the stack."""

    rule: str
    #: Pulumi's enforcement level; only what is mandatory stops an operation.
    level: str
    severity: str
    message: str
    urn: str = ""

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]

    @property
    def mandatory(self) -> bool:
        return self.level == "mandatory"


@dataclass(frozen=True, slots=True)
class Summary:
    """How the whole operation ended: number of resources by operation."""

    changes: dict[str, int]
    result: str


Event = ResourceEvent | Diagnostic | Violation | Summary


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of an operation with its wall time in seconds."""

    name: str
    seconds: float
    resources: int


def parse(line: str) -> Event | None:
    """One line of the event log; None for what we do not use or cannot read."""
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    for key, read in _READERS.items():
        if key in document:
            return read(document[key])
    return None


def _resource(body: dict[str, Any], state: Literal["started", "done", "failed"]) -> ResourceEvent:
    metadata = body.get("metadata", {})
    detailed, new = metadata.get("detailedDiff") or {}, metadata.get("new") or {}
    return ResourceEvent(
        state=state,
        operation=metadata.get("op", ""),
        urn=metadata.get("urn", ""),
        type=metadata.get("type", ""),
        diffs=tuple(detailed or metadata.get("diffs") or ()),
        inputs=new.get("inputs") or {},
        outputs=new.get("outputs") or {},
        id=new.get("id") or "",
    )


def _diagnostic(body: dict[str, Any]) -> Diagnostic | None:
    # Debug messages quote whole resources, before Pulumi masks what is secret in them.
    if body.get("severity") == "debug":
        return None
    return Diagnostic(
        severity=body.get("severity", "info"),
        # The engine puts colour codes into messages, in its own notation.
        message=_without_colour(body.get("message", "")).strip(),
        urn=body.get("urn", ""),
        ephemeral=bool(body.get("ephemeral", False)),
    )


def _violation(body: dict[str, Any]) -> Violation:
    return Violation(
        rule=body.get("policyName", ""),
        level=body.get("enforcementLevel", ""),
        severity=body.get("severity", ""),
        message=_without_colour(body.get("message", "")).strip(),
        urn=body.get("resourceUrn", ""),
    )


def _summary(body: dict[str, Any]) -> Summary:
    return Summary(body.get("resourceChanges") or {}, body.get("result", ""))


_READERS: dict[str, Callable[[dict[str, Any]], Event | None]] = {
    "resourcePreEvent": partial(_resource, state="started"),
    "resOutputsEvent": partial(_resource, state="done"),
    "resOpFailedEvent": partial(_resource, state="failed"),
    "diagnosticEvent": _diagnostic,
    "policyEvent": _violation,
    "summaryEvent": _summary,
}


def _without_colour(text: str) -> str:
    parts = text.split("<{%")
    return parts[0] + "".join(part.split("%}>", 1)[-1] for part in parts[1:])


@dataclass(slots=True)
class Timeline:
    """Collects the events of one operation, with the time (seconds) at which each arrived."""

    changes: dict[str, int] = field(default_factory=dict)
    result: str = ""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    steps: list[ResourceEvent] = field(default_factory=list)
    failed: list[ResourceEvent] = field(default_factory=list)
    _started: dict[str, float] = field(default_factory=dict)
    _spans: list[tuple[ResourceEvent, float, float]] = field(default_factory=list)

    def add(self, event: Event, at: float) -> None:
        match event:
            case Summary():
                self.changes, self.result = event.changes, event.result
            case Diagnostic():
                if not event.ephemeral and event.message:
                    self.diagnostics.append(event)
            case Violation():
                self.violations.append(event)
            case ResourceEvent(state="started"):
                self._started[event.urn] = at
                if event.operation not in UNCHANGED:
                    self.steps.append(event)
            case ResourceEvent():
                self._spans.append((event, self._started.pop(event.urn, at), at))
                if event.state == "failed":
                    self.failed.append(event)

    @property
    def done(self) -> list[ResourceEvent]:
        """Steps that ended, in order."""
        return [event for event, _, _ in self._spans if event.state == "done"]

    @property
    def changed(self) -> int:
        """Number of resources that the operation changed, by the engine's own count if it ended."""
        if self.changes:
            return sum(n for operation, n in self.changes.items() if operation not in UNCHANGED)
        return sum(1 for event, _, _ in self._spans if event.operation not in UNCHANGED)

    @property
    def running(self) -> list[str]:
        """Names of the resources whose steps have begun and not ended."""
        return [urn.rsplit("::", 1)[-1] for urn in self._started]

    def errors(self) -> list[Diagnostic]:
        return [entry for entry in self.diagnostics if entry.severity == "error"]

    def phases(self) -> list[Phase]:
        """Wall time by kind of work, in the order in which the kinds began."""
        spans: dict[str, list[tuple[float, float]]] = {}
        for event, start, end in sorted(self._spans, key=lambda span: span[1]):
            kind = _kind(event)
            if kind and event.operation not in UNCHANGED:
                spans.setdefault(kind, []).append((start, end))
        return [
            Phase(kind, round(_covered(entries), 3), len(entries))
            for kind, entries in spans.items()
        ]


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of the spans: steps of one kind may overlap or lie far apart."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


_KINDS = {f"{tokens.NAME}:vault:": "Vault objects", "kubernetes:": "Kubernetes objects"}


def _kind(event: ResourceEvent) -> str:
    if event.type == tokens.PLAYBOOK:
        return f"playbook {event.name}"
    if event.type == tokens.MACHINE:
        return "machines"
    for prefix, kind in _KINDS.items():
        if event.type.startswith(prefix):
            return kind
    # Stacks, providers and components take no time of their own.
    return ""
