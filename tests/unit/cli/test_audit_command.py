"""`lab policies check` and `lab policies audit`."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cli import main
from infra.cli.exit_codes import ExitCode
from infra.engine.events import Violation
from infra.engine.plan import Plan
from infra.errors import PolicyViolated
from policies.audit import Audited, Fault, Stand, Standing
from policies.registry import all_rules
from policies.rule import Place
from tests.unit.cli.conftest import document

ADVICE = Violation("limits-set", "advisory", "medium", "Undecided: cpu", "urn::a::pod")
DENIAL = Violation("no-host-access", "mandatory", "critical", "hostPID", "urn::a::pod")


def test_check_passes_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan((), {}, 1.0, (ADVICE,))
    monkeypatch.setattr("infra.preview.of_stack", lambda *_, **__: plan)
    assert main.run(["policies", "check"]) == 0
    assert "0 broken, 1 advisory or undecided" in capsys.readouterr().out


def test_check_fails_with_everything_that_was_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: Any, **__: Any) -> Plan:
        error = PolicyViolated("no", next_step="read")
        error.violations = (ADVICE, DENIAL)
        raise error

    monkeypatch.setattr("infra.preview.of_stack", refused)
    assert main.run(["policies", "check", "--json"]) == ExitCode.FAILED
    told = document(capsys)
    assert told["ok"] is False
    assert [one["rule"] for one in told["violations"]] == ["limits-set", "no-host-access"]


def audited(**stands: Stand) -> Audited:
    rule = all_rules()["no-host-access"]
    places = {place: Standing(Stand.NOT_HERE) for place in Place}
    for place, stand in stands.items():
        faults = (Fault("Pod sandbox-demo/root", "hostPID"),) if stand is Stand.BROKEN else ()
        places[Place(place)] = Standing(stand, faults)
    return Audited(rule, places)


@pytest.mark.parametrize(
    ("stands", "word", "status"),
    [
        ({"preview": Stand.HOLDS, "live": Stand.HOLDS}, "passed", 0),
        ({"preview": Stand.HOLDS, "live": Stand.BROKEN}, "failed", ExitCode.FAILED),
        ({"live": Stand.NOTHING}, "skipped", 0),
    ],
)
def test_audit(
    stands: dict[str, Stand],
    word: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("infra.audit.of_stack", lambda *_, **__: [audited(**stands)])
    assert main.run(["policies", "audit", "--json"]) == status
    assert document(capsys)["outcomes"] == {"no-host-access": word}


def test_audit_names_rule_object_and_places(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [audited(admission=Stand.HOLDS, live=Stand.BROKEN)]
    monkeypatch.setattr("infra.audit.of_stack", lambda *_, **__: found)
    assert main.run(["policies", "audit"]) == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "no-host-access" in shown
    assert "it holds by admission and is broken by live" in shown
    assert "live  Pod sandbox-demo/root: hostPID" in shown
