"""The matrix as OSCAL 1.1.3: a catalogue each, a component definition, assessment results.

Ids are made from names (uuid5), so the same input gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from infra import naming
from policies.controls.catalogue import Catalogue, Control
from policies.controls.claims import Server
from policies.controls.matrix import ABOUT, UNDATED, Matrix
from policies.controls.standing import Outcome, Result, Standing, State

VERSION: Final = "1.1.3"
#: Of properties that OSCAL does not know.
NAMESPACE: Final = f"https://{naming.LABEL_PREFIX}/oscal"
_ROOT: Final = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
#: What a component definition says of a requirement.
_IMPLEMENTED: Final = {
    State.SATISFIED: "implemented",
    State.IN_PLACE: "implemented",
    State.OUT: "not-applicable",
}

Json = dict[str, Any]


def documents(matrix: Matrix) -> dict[str, Json]:
    """Every document by the name of its file."""
    found = {
        catalogue_file(one): _catalogue(one, [row.control for row in rows])
        for one, rows in matrix.by_catalogue()
    }
    found["component-definition.json"] = _component_definition(matrix)
    found["assessment-results.json"] = _assessment_results(matrix)
    return found


def catalogue_file(one: Catalogue) -> str:
    return f"catalog-{one.id}.json"


def named(*words: str) -> str:
    """The same id for the same words."""
    return str(uuid.uuid5(_ROOT, "/".join(words)))


def _document(kind: str, title: str, time: str, version: str, **content: Any) -> Json:
    """With an id of its own content, so that another content has another one."""
    metadata = {
        "title": title,
        "last-modified": time,
        "version": version,
        "oscal-version": VERSION,
    }
    whole = {"metadata": metadata | content.pop("metadata", {}), **content}
    digest = json.dumps(whole, sort_keys=True)
    return {kind: {"uuid": named(kind, title, digest), **whole}}


def _property(name: str, value: str) -> Json:
    return {"name": name, "ns": NAMESPACE, "value": value}


def _catalogue(one: Catalogue, controls: Sequence[Control]) -> Json:
    groups = [
        {
            "id": f"{one.id}_{number}",
            "title": title,
            "controls": [_control(control) for control in members],
        }
        for number, (title, members) in enumerate(groupby(controls, key=attrgetter("group")), 1)
    ]
    return _document(
        "catalog",
        one.title,
        UNDATED.isoformat(timespec="seconds"),
        one.version,
        metadata={"remarks": "\n\n".join(one.notes)},
        groups=groups,
    )


def _control(control: Control) -> Json:
    properties = [{"name": "label", "value": control.number}]
    if control.level:
        properties.append(_property("level", control.level))
    if control.confidence:
        properties.append(_property("confidence", control.confidence))
    properties += [_property("applies", text) for text in control.applies]
    statement = {"id": _statement(control), "name": "statement", "prose": control.duty}
    return {
        "id": control.id,
        "title": control.title,
        "props": properties,
        "parts": [statement],
    }


def _statement(control: Control) -> str:
    return f"{control.id}_smt"


def _component_definition(matrix: Matrix) -> Json:
    implementations = [
        {
            "uuid": named("implementation", one.id),
            "source": catalogue_file(one),
            "description": f"What of {one.title} the lab serves.",
            "implemented-requirements": [_requirement(row) for row in rows],
        }
        for one, rows in matrix.by_catalogue()
    ]
    component = {
        "uuid": named("component", "lab"),
        "type": "software",
        "title": "AI lab",
        "description": "The lab that this repository describes, with its policies and checks.",
        "control-implementations": implementations,
    }
    return _document(
        "component-definition",
        "What the lab does for each control",
        matrix.time,
        matrix.time,
        metadata={"remarks": ABOUT},
        components=[component],
    )


def _requirement(row: Standing) -> Json:
    status: Json = {"name": "implementation-status", "value": _implemented(row)}
    if row.because:
        status["remarks"] = "; ".join(row.because)
    served = ", ".join(f"{one.by} {one.id}" for one in row.servers)
    if row.state is State.OUT:
        description = f"Out of scope: {row.because[0]}"
    else:
        description = f"Served by {served}." if served else "Nothing serves it yet."
    marks = [_property("mark", mark) for mark in row.control.marks]
    return {
        "uuid": named("requirement", row.control.id),
        "control-id": row.control.id,
        "description": description,
        "props": [status, *marks, *(_property(one.by, one.id) for one in row.servers)],
    }


def _implemented(row: Standing) -> str:
    if row.state in _IMPLEMENTED:
        return _IMPLEMENTED[row.state]
    return "partial" if row.servers else "planned"


def _assessment_results(matrix: Matrix) -> Json:
    plan = named("plan")
    results = [_result(matrix, one, rows) for one, rows in matrix.by_catalogue()]
    return _document(
        "assessment-results",
        "What was found of each control",
        matrix.time,
        matrix.time,
        **{
            "metadata": {"links": [{"href": f"#{plan}", "rel": "assessment-plan"}]},
            "import-ap": {
                "href": f"#{plan}",
                "remarks": "The plan is the repository: its rules and its live checks.",
            },
            "results": results,
            "back-matter": {
                "resources": [
                    {"uuid": plan, "title": "Rules and live checks", "description": ABOUT}
                ]
            },
        },
    )


def _result(matrix: Matrix, one: Catalogue, rows: Sequence[Standing]) -> Json:
    reviewed = [{"control-id": row.control.id} for row in rows if row.state is not State.OUT]
    found = {
        server: seen
        for row in rows
        for server in row.servers
        if (seen := matrix.evidence.of(server)) is not None
    }
    judged = [row for row in rows if row.state in (State.SATISFIED, State.NOT_SATISFIED)]
    result: Json = {
        "uuid": named("result", one.id, matrix.time),
        "title": one.title,
        "description": "Controls without a finding were not judged by these results.",
        "start": matrix.time,
        "end": matrix.time,
        "reviewed-controls": {"control-selections": [{"include-controls": reviewed}]},
    }
    observations = [_observation(one, server, found[server], matrix) for server in sorted(found)]
    if observations:
        result["observations"] = observations
    findings = [_finding(one, row, found, matrix) for row in judged]
    if findings:
        result["findings"] = findings
    return result


def _observed(one: Catalogue, server: Server, matrix: Matrix) -> str:
    return named("observation", one.id, server.by, server.id, matrix.time)


def _observation(one: Catalogue, server: Server, result: Result, matrix: Matrix) -> Json:
    why = f": {result.why}" if result.why else ""
    return {
        "uuid": _observed(one, server, matrix),
        "title": f"{server.by} {server.id}",
        "description": f"{result.outcome}{why}",
        "props": [_property(server.by, server.id), _property("outcome", result.outcome)],
        "methods": ["TEST"],
        "collected": matrix.time,
    }


def _finding(one: Catalogue, row: Standing, found: Mapping[Server, Result], matrix: Matrix) -> Json:
    satisfied = row.state is State.SATISFIED
    status: Json = {"state": "satisfied" if satisfied else "not-satisfied"}
    if not satisfied:
        failed = any(
            found[server].outcome is Outcome.FAILED for server in row.servers if server in found
        )
        status["reason"] = "fail" if failed else "other"
        status["remarks"] = "; ".join(row.because)
    finding: Json = {
        "uuid": named("finding", row.control.id, matrix.time),
        "title": row.control.title,
        "description": row.control.duty,
        "target": {
            "type": "statement-id",
            "target-id": _statement(row.control),
            "status": status,
        },
    }
    related = _related(one, (server for server in row.servers if server in found), matrix)
    if related:
        finding["related-observations"] = related
    return finding


def _related(one: Catalogue, servers: Iterable[Server], matrix: Matrix) -> list[Json]:
    return [{"observation-uuid": _observed(one, server, matrix)} for server in servers]


def text(document: Json) -> str:
    """As it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
