from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engine.events import Diagnostic, ResourceEvent, Summary, Timeline, parse

URN = "urn:pulumi:local::ai-lab::{type}::{name}"


def resource(key: str, op: str, type_: str, name: str, **more: Any) -> ResourceEvent:
    urn = URN.format(type=type_, name=name)
    line = json.dumps({key: {"metadata": {"op": op, "urn": urn, "type": type_, **more}}})
    event = parse(line)
    assert isinstance(event, ResourceEvent)
    return event


def test_resource_events() -> None:
    event = resource(
        "resourcePreEvent", "update", "ailab:vault:Policy", "lab", diffs=["rules", "name"]
    )
    assert (event.state, event.operation, event.name) == ("started", "update", "lab")
    assert event.diffs == ("rules", "name")


def test_detailed_diff_wins_over_the_coarse_one() -> None:
    detailed = {"rules[0].x": {"kind": "update"}}
    event = resource(
        "resOutputsEvent", "update", "t:m:T", "n", diffs=["rules"], detailedDiff=detailed
    )
    assert event.diffs == ("rules[0].x",)


def test_diagnostics_lose_their_colours() -> None:
    text = "<{%fg 1%}>error: <{%reset%}>it broke\n"
    event = parse(json.dumps({"diagnosticEvent": {"message": text, "severity": "error"}}))
    assert event == Diagnostic("error", "error: it broke")


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"cancelEvent":{}}', '{"preludeEvent":{}}'])
def test_what_we_do_not_use_is_left_out(line: str) -> None:
    assert parse(line) is None


@given(st.text())
def test_no_line_breaks_the_parser(line: str) -> None:
    parse(line)


def test_debug_messages_are_never_kept() -> None:
    body = {"severity": "debug", "message": "props: password: hunter2"}
    assert parse(json.dumps({"diagnosticEvent": body})) is None


def test_phases_are_wall_time_by_kind_of_work() -> None:
    timeline = Timeline()
    machine, playbook = "ailab:hosts:Machine", "ailab:ansible:Playbook"
    script: list[tuple[float, str, str, str]] = [
        (0, "resourcePreEvent", machine, "a"),
        (1, "resourcePreEvent", machine, "b"),
        (3, "resOutputsEvent", machine, "b"),
        (4, "resOutputsEvent", machine, "a"),
        (4, "resourcePreEvent", playbook, "vault"),
        (9, "resOutputsEvent", playbook, "vault"),
        (9, "resourcePreEvent", "kubernetes:core/v1:Namespace", "x"),
        (10, "resOutputsEvent", "kubernetes:core/v1:Namespace", "x"),
        (20, "resourcePreEvent", "kubernetes:core/v1:Secret", "y"),
        (22, "resOutputsEvent", "kubernetes:core/v1:Secret", "y"),
        (4, "resourcePreEvent", "ailab:hosts:LocalGround", "g"),
        (9, "resOutputsEvent", "ailab:hosts:LocalGround", "g"),
        (22, "resourcePreEvent", "pulumi:pulumi:Stack", "s"),
        (30, "resOutputsEvent", "pulumi:pulumi:Stack", "s"),
        (30, "resOutputsEvent", "ailab:vault:Policy", "p"),
    ]
    for at, key, type_, name in script:
        timeline.add(resource(key, "create", type_, name), at)
    assert [(p.name, p.seconds, p.resources) for p in timeline.phases()] == [
        ("machines", 4, 2),
        ("playbook vault", 5, 1),
        ("Kubernetes objects", 3, 2),
        ("Vault objects", 0, 1),
    ]


def test_what_stays_the_same_is_no_change() -> None:
    timeline = Timeline()
    for key in ("resourcePreEvent", "resOutputsEvent"):
        timeline.add(resource(key, "same", "ailab:vault:Policy", "p"), 1)
    assert timeline.changed == 0
    assert timeline.steps == []
    assert timeline.phases() == []
    timeline.add(Summary({"same": 4, "create": 2}, "succeeded"), 2)
    assert timeline.changed == 2


def test_a_failed_step_is_remembered_and_errors_are_told_from_notes() -> None:
    timeline = Timeline()
    timeline.add(resource("resOpFailedEvent", "create", "ailab:vault:Policy", "p"), 1)
    timeline.add(Diagnostic("info#err", "hello"), 1)
    timeline.add(Diagnostic("error", "bad", ephemeral=False), 1)
    timeline.add(Diagnostic("error", "passing", ephemeral=True), 1)
    assert [event.name for event in timeline.failed] == ["p"]
    assert [entry.message for entry in timeline.errors()] == ["bad"]


def test_summary() -> None:
    line = json.dumps({"summaryEvent": {"resourceChanges": {"create": 1}, "result": "succeeded"}})
    assert parse(line) == Summary({"create": 1}, "succeeded")


def test_what_runs_right_now_is_known() -> None:
    timeline = Timeline()
    for name in ("network", "workers"):
        timeline.add(resource("resourcePreEvent", "create", "ailab:hosts:Playbook", name), 1)
    timeline.add(resource("resOutputsEvent", "create", "ailab:hosts:Playbook", "workers"), 2)
    assert timeline.running == ["network"]
