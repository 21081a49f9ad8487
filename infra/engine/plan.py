"""What an update would do, resource by resource, as `pulumi preview --json` tells it.

Sources: sdk/go/common/apitype/core.go (ResourceV3) and pkg/backend/display/json.go of Pulumi
3.259. The document has what was asked for and what depends on what; only the engine's events have
what the provider answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.engine.events import UNCHANGED, ResourceEvent, Violation
from infra.errors import PulumiFailed
from infra.marks import UNKNOWN_TEXTS

#: Stands in a plan for a value that only an update gives.
NOT_KNOWN: Final = "(known after it is made)"
_ROOT: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource and what an update would do with it. References are URNs; "" is none."""

    operation: str
    urn: str
    type: str
    parent: str
    provider: str = ""
    id: str = ""
    #: False for a component, which only groups others.
    custom: bool = True
    protect: bool = False
    #: What was made stays when the resource leaves the program.
    retained: bool = False
    #: Goes with that resource, and is not deleted by itself.
    goes_with: str = ""
    depends_on: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: URN in the state: another one if an alias leads there, "" if it is new.
    was: str = ""
    #: Paths of the properties that would change.
    changed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, slots=True)
class Plan:
    """All resources of a stack, in the order in which the program declares them."""

    resources: tuple[Planned, ...]
    #: Number of resources by operation.
    changes: Mapping[str, int]
    #: Wall time of the engine.
    seconds: float
    #: What policies say of it.
    violations: tuple[Violation, ...] = ()

    @property
    def changed(self) -> int:
        """Number of resources that would be changed."""
        return sum(n for operation, n in self.changes.items() if operation not in UNCHANGED)

    @property
    def steps(self) -> tuple[Planned, ...]:
        """What would be done."""
        return tuple(one for one in self.resources if one.operation not in UNCHANGED)


def read_plan(
    output: str, done: Iterable[ResourceEvent], *, changes: Mapping[str, int], seconds: float
) -> Plan:
    """Puts the plan together.

    Args:
        output: of `pulumi preview --json`, with warnings of the CLI before the document.
        done: the engine's events of steps that ended.
        changes: the engine's own count.
        seconds: wall time.

    Raises:
        PulumiFailed: there is no document in the output.
    """
    answers = {event.urn: event for event in done}
    steps = _document(output).get("steps") or []
    resources = [_planned(step, answers.get(step["urn"])) for step in steps]
    return Plan(tuple(one for one in resources if one.type != _ROOT), changes, seconds)


def _document(output: str) -> dict[str, Any]:
    start = re.search(r"^\{", output, re.MULTILINE)
    try:
        document, _ = json.JSONDecoder().raw_decode(output[start.start() :] if start else "")
    except json.JSONDecodeError as error:
        raise PulumiFailed(
            f"`pulumi preview --json` wrote no document: {output.strip()[-800:]}",
            next_step="`./lab doctor` checks what it needs.",
        ) from error
    return dict(document)


def _planned(step: Mapping[str, Any], answer: ResourceEvent | None) -> Planned:
    state = step.get("newState") or step.get("oldState") or {}
    detailed = step.get("detailedDiff") or {}
    return Planned(
        operation=step["op"],
        urn=step["urn"],
        type=state["type"],
        parent=_unless_root(state.get("parent", "")),
        provider=state.get("provider", "").rpartition("::")[0],
        id=(answer.id if answer is not None else "") or state.get("id", ""),
        custom=state.get("custom", False),
        protect=state.get("protect", False),
        retained=state.get("retainOnDelete", False),
        goes_with=state.get("deletedWith", ""),
        depends_on=tuple(sorted(state.get("dependencies") or ())),
        inputs=_readable(state.get("inputs") or {}),
        outputs=_readable(answer.outputs if answer is not None else {}),
        was=(step.get("oldState") or {}).get("urn", ""),
        changed=tuple(sorted(detailed or step.get("diffReasons") or ())),
    )


def _unless_root(urn: str) -> str:
    return "" if f"::{_ROOT}::" in urn else urn


def _readable(value: Any) -> Any:
    """The value with plain words where Pulumi has its mark of what is not known yet."""
    if isinstance(value, Mapping):
        return {key: _readable(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return NOT_KNOWN if isinstance(value, str) and value in UNKNOWN_TEXTS else value
