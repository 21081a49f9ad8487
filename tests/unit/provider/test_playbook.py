from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.errors import PlaybookFailed, PlaybookInvalid
from infra.hosts import playbooks
from infra.plugins.values import UNKNOWN
from infra.provider import playbook
from infra.provider.playbook import Playbook

NEWS: dict[str, Any] = {
    "playbook": "base",
    "hosts": [
        {"name": "one", "address": "10.71.0.10", "groups": ["workers"], "variables": {"a": 1}}
    ],
    "connection": {"sshKey": "/lab/key", "knownHosts": "/lab/known_hosts", "logs": "/lab/logs"},
    "variables": {"lab_name": "x"},
}


@pytest.fixture(autouse=True)
def _digest(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(name: str) -> str:
        if name == "absent":
            raise PlaybookInvalid("there is no playbook 'absent'.", next_step="name another.")
        return f"digest of {name}"

    monkeypatch.setattr(playbook, "digest", digest)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[playbooks.Run]:
    asked: list[playbooks.Run] = []

    def run(one: playbooks.Run, **_: Any) -> playbooks.Outcome:
        asked.append(one)
        if one.variables.get("broken"):
            raise PlaybookFailed("failed", next_step="read the log.")
        drifted = (playbooks.Task("one", "sysctl"),) if one.variables.get("drifted") else ()
        return playbooks.Outcome(3, drifted, {"key": "k"}, {"one/luks": "no"}, Path("/log"))

    monkeypatch.setattr(playbooks, "run", run)
    return asked


def inputs(**changes: Any) -> dict[str, Any]:
    checked = Playbook().check({}, {**NEWS, **changes})
    assert checked.failures == []
    return checked.inputs


def test_check_fills_in_defaults_and_the_digest() -> None:
    found = inputs()
    assert found["digest"] == "digest of base"
    assert found["timeoutSeconds"] == playbooks.DEFAULT_TIMEOUT
    assert found["connection"]["user"] == "root"
    assert found["hosts"][0]["instance"] == ""


@pytest.mark.parametrize(
    ("change", "property_"),
    [
        ({"playbook": "../x"}, "playbook"),
        ({"playbook": "absent"}, "playbook"),
        ({"hosts": []}, "hosts"),
        ({"hosts": [{"name": "a b", "address": "x", "groups": []}]}, "hosts[0].name"),
        (
            {"hosts": [{"name": "a", "address": "-oProxyCommand=x", "groups": []}]},
            "hosts[0].address",
        ),
        ({"connection": {**NEWS["connection"], "sshKey": "key"}}, "connection.sshKey"),
        ({"timeoutSeconds": 1}, "timeoutSeconds"),
        ({"trigers": {}}, "trigers"),
    ],
)
def test_check_finds_faults_by_property(change: dict[str, Any], property_: str) -> None:
    failures = Playbook().check({}, {**NEWS, **change}).failures
    assert [failure.property for failure in failures] == [property_]


def test_check_lets_a_preview_pass() -> None:
    news = {**NEWS, "playbook": UNKNOWN, "hosts": [{**NEWS["hosts"][0], "instance": UNKNOWN}]}
    checked = Playbook().check({}, news)
    assert checked.failures == []
    assert "digest" not in checked.inputs


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, []),
        ({"variables": {"lab_name": "y"}}, ["variables.lab_name"]),
        ({"triggers": {"x": 1}}, ["triggers.x"]),
        ({"hosts": [{**NEWS["hosts"][0], "instance": "new"}]}, ["hosts[0].instance"]),
        ({"hosts": [{**NEWS["hosts"][0], "instance": UNKNOWN}]}, ["hosts[0].instance"]),
        ({"timeoutSeconds": 60, "checkOnRefresh": True}, []),
        ({"connection": {**NEWS["connection"], "logs": "/other"}}, []),
    ],
)
def test_what_runs_it_again(change: dict[str, Any], changed: list[str]) -> None:
    diff = Playbook().diff("base", inputs(), {}, inputs(**change))
    assert list(diff.changes) == changed
    assert diff.replaces == frozenset()


def test_another_digest_runs_it_again_and_another_playbook_is_another_resource() -> None:
    old = inputs()
    assert list(Playbook().diff("base", old, {}, {**old, "digest": "new"}).changes) == ["digest"]
    diff = Playbook().diff("base", old, {}, inputs(playbook="vault"))
    assert diff.replaces == {"playbook"}


def test_create_runs_it_and_keeps_what_it_recorded(runs: list[playbooks.Run]) -> None:
    made = Playbook().create(inputs(), timeout=7200)
    assert made.id == "base"
    assert made.outputs["facts"] == {"key": "k"}
    assert made.outputs["notApplied"] == {"one/luks": "no"}
    assert made.outputs["ok"] == 3
    assert made.outputs["changed"] == []
    (run,) = runs
    assert run.hosts == (playbooks.Host("one", "10.71.0.10", ("workers",), {"a": 1}),)
    assert run.ssh == playbooks.Ssh(Path("/lab/key"), Path("/lab/known_hosts"))
    assert run.timeout == playbooks.DEFAULT_TIMEOUT
    assert not run.check


def test_a_shorter_custom_timeout_holds(runs: list[playbooks.Run]) -> None:
    Playbook().update("base", inputs(), {}, inputs(), timeout=30)
    assert runs[0].timeout == 30


def test_a_failed_run_is_an_error(runs: list[playbooks.Run]) -> None:
    with pytest.raises(PlaybookFailed):
        Playbook().create(inputs(variables={"broken": True}), timeout=7200)


def test_a_preview_knows_that_it_does_not_know_the_facts() -> None:
    preview = Playbook().preview(inputs())
    assert preview["facts"] is UNKNOWN
    assert preview["playbook"] == "base"


def test_a_refresh_runs_nothing_unless_asked_to(runs: list[playbooks.Run]) -> None:
    old = inputs(variables={"drifted": True})
    read = Playbook().read("base", old, {"drift": []})
    assert read is not None
    assert read.inputs == old
    assert runs == []


def test_a_refresh_in_check_mode_finds_drift_and_the_next_update_ends_it(
    runs: list[playbooks.Run],
) -> None:
    old = inputs(variables={"drifted": True}, checkOnRefresh=True)
    read = Playbook().read("base", old, {"drift": []})
    assert read is not None
    assert read.outputs["drift"] == read.inputs["drift"] == ["one: sysctl"]
    assert runs[0].check
    again = Playbook().read("base", read.inputs, read.outputs)
    assert again is not None
    assert again.inputs == read.inputs
    assert list(Playbook().diff("base", read.inputs, read.outputs, old).changes) == ["drift"]

    outputs = Playbook().update("base", read.inputs, read.outputs, old, timeout=7200)
    assert outputs["drift"] == []
    assert not runs[-1].check

    mended = {**read.inputs, "variables": {}}
    clean = Playbook().read("base", mended, read.outputs)
    assert clean is not None
    assert "drift" not in clean.inputs


def test_deleting_runs_nothing(runs: list[playbooks.Run]) -> None:
    Playbook().delete("base", inputs(), {}, timeout=1)
    assert runs == []
