from __future__ import annotations

from typing import Any

import pytest

from infra.hosts.ansible import Record, message


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "no such file"}, "no such file"),
        (
            {"msg": "non-zero return code", "stderr": "a\nb: not found\n"},
            "non-zero return code; b: not found",
        ),
        ({"msg": "broken", "exception": "(traceback unavailable)"}, "broken"),
        ({"msg": "see stderr", "stderr": "stderr"}, "see stderr"),
        ({"censored": "hidden", "msg": "secret"}, "hidden"),
        ({}, "no message"),
        (
            {
                "msg": "items",
                "results": [{"item": 1}, {"item": 2, "failed": True, "msg": "bad"}, 3],
            },
            "items; 2: bad",
        ),
        ({"results": [{"unreachable": True}]}, "item: no message"),
    ],
)
def test_message(result: dict[str, Any], said: str) -> None:
    assert message(result) == said


def test_what_is_kept_of_events(capsys: pytest.CaptureFixture[str]) -> None:
    record = Record()
    base: dict[str, Any] = {"host": "one", "task": "Do", "role": "base"}
    events: list[dict[str, Any]] = [
        {"event": "verbose"},
        {"event": "playbook_on_task_start", "event_data": {"name": "base : Do"}},
        {"event": "runner_on_ok", "event_data": {**base, "res": {"changed": True}}},
        {"event": "runner_on_ok", "event_data": {**base, "res": {"changed": True, "did": ["x"]}}},
        {"event": "runner_on_ok", "event_data": {"task_action": "debug"}},
        {"event": "runner_on_failed", "event_data": {**base, "ignore_errors": True}},
        {"event": "runner_on_failed", "event_data": {**base, "res": {"msg": "bad"}}},
        {"event": "runner_on_unreachable", "event_data": {"host": "two"}},
        {"event": "playbook_on_stats", "event_data": {"artifact_data": {"facts": {}}}},
    ]
    assert [record(event) for event in events] == [False] * len(events)
    assert record.ok == 3
    assert record.changed == [
        {"host": "one", "task": "base : Do", "did": []},
        {"host": "one", "task": "base : Do", "did": ["x"]},
    ]
    assert record.failed == [
        {"host": "one", "task": "base : Do", "message": "bad"},
        {"host": "two", "task": "unnamed task", "message": "no message"},
    ]
    assert record.stats == {"facts": {}}
    assert capsys.readouterr().out == "base : Do\n"
