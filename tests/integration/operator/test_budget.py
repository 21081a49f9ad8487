"""Budgets and quotas, by the real process on a real API server and by its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from infra.cluster.manifests import Manifest
from infra.sandbox.definition import Limits, definition
from infra.sandbox.resource import PATH, Phase
from tests.harness.sandbox_lab import APPROVERS, PATIENCE, REQUESTER, SandboxLab
from tests.integration.operator.test_life import ready, uid_of
from tests.live.support.api import eventually, say

#: A euro an hour is a second for each 0.000278; at this price a cent lasts for one.
PER_HOUR = 36.0
PROFILES: dict[str, Any] = {
    "small": {},
    "large": {"cost_per_hour": PER_HOUR, "budget": 0.2, "largest_budget": 0.3},
}


@pytest.fixture(scope="module", autouse=True)
def _limited(lab: SandboxLab) -> Iterator[None]:
    """The API server knows the largest budget, as after `lab up`."""
    limited = definition(Limits(budgets={"large": 0.3}))
    answer = lab.api.apply(_path(limited), limited, manager="test")
    assert answer.is_success, say(answer)
    probe = _asked("probe", profile="large", budget="5")
    refused = eventually(
        lambda: lab.person(REQUESTER).create(probe, dry_run=True),
        until=lambda got: got.status_code == 422,
        within=PATIENCE,
    )
    assert "more than 0.3 euro" in refused.text
    yield
    answer = lab.api.apply(_path(definition()), definition(), manager="test")
    assert answer.is_success, say(answer)


def _path(manifest: Manifest) -> str:
    kind = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    return f"{kind}/{manifest['metadata']['name']}"


def _asked(name: str, **spec: Any) -> Manifest:
    whole = {"purpose": "measure the bias of a model", "requester": REQUESTER, "ttl": "8h"}
    return {
        "apiVersion": definition()["spec"]["group"] + "/v1alpha1",
        "kind": "Sandbox",
        "metadata": {"name": name},
        "spec": whole | spec,
    }


def gone(lab: SandboxLab, name: str) -> None:
    lab.delete(name)
    lab.until_gone(name)


def _seconds(status: dict[str, Any]) -> float:
    begun, end = (datetime.fromisoformat(status[name]) for name in ("readyAt", "expiresAt"))
    return (end - begun).total_seconds()


@pytest.mark.parametrize("days", [0, 1, -1])
def test_it_ends_when_its_budget_is_spent(lab: SandboxLab, days: int) -> None:
    """By the API server's clock, whatever the operator's own says."""
    name = f"spent-{days % 3}"
    entry = ("-m", "tests.harness.skewed_operator")
    skew = {"SKEW": str(days * 86400)}
    with lab.operator(entry=entry, environment=skew, profiles=PROFILES) as operator:
        status = ready(lab, name, profile="large", budget="0.1")
        begun = time.monotonic()
        assert (status["budget"], status["costPerHour"]) == ("0.1", "36.0")
        assert _seconds(status) == 10
        # A renewal that others approve gives time, and no money.
        more = {"name": "more", "extend": "1h", "reason": "it takes longer"}
        lab.change(name, REQUESTER, {"renewals": [more]})
        approved = {**more, "approvals": [{"by": APPROVERS[0]}]}
        lab.change(name, APPROVERS[0], {"renewals": [approved]})
        warned = eventually(
            lambda: lab.status(name),
            until=lambda got: any(one["type"] == "BudgetNearlySpent" for one in got["conditions"]),
            within=PATIENCE,
        )
        assert warned["phase"] == Phase.READY, "before it ends"
        assert (warned["renewed"], _seconds(warned)) == (["more"], 10)
        ended = lab.until(name, Phase.EXPIRING)
        lived = time.monotonic() - begun
        print(f"\nlived {lived:.2f} s of 10")
        assert lived > 8
        assert ended["ending"] == "OutOfBudget"
        assert float(ended["cost"]) >= 0.1
        final = lab.until(name, Phase.DESTROYED)
        assert final["cost"] == ended["cost"]
        metrics = operator.metrics()
        assert f'ai_lab_sandbox_euro_total{{profile="large"}} {float(final["cost"])}' in metrics
        assert 'ai_lab_sandbox_euro_per_hour{profile="large"} 0.0' in metrics
        [record] = [one for one in lab.records(uid_of(lab, name)) if str(one.event) == "Expiring"]
        assert record.details == {
            "because": "OutOfBudget",
            "budget": "0.1",
            "per_hour": "36.0",
        }
        events = lab.api.items("/api/v1/namespaces/default/events")
        said = [one["reason"] for one in events if one["involvedObject"].get("name") == name]
        assert said.count("BudgetNearlySpent") == 1
        gone(lab, name)


def test_who_names_no_budget_has_that_of_the_profile(lab: SandboxLab) -> None:
    with lab.operator(profiles=PROFILES):
        status = ready(lab, "usual", profile="large")
        assert (status["budget"], _seconds(status)) == ("0.2", 20)
        gone(lab, "usual")
        free = ready(lab, "free", profile="small", budget="0.01")
        assert "budget" not in free, "what costs nothing is never spent"
        gone(lab, "free")


@pytest.mark.parametrize("budget", ["0", "0.00", "-1", "1e3", "0.31", "many", "1.234"])
def test_what_no_budget_can_be(lab: SandboxLab, budget: str) -> None:
    answer = lab.person(REQUESTER).create(_asked("no", profile="large", budget=budget))
    assert answer.status_code == 422, say(answer)
    assert "spec.budget" in answer.text


def test_a_budget_never_changes(lab: SandboxLab) -> None:
    """Nor does a limit that is lowered later hold up what somebody must do."""
    lab.request("fixed", profile="large", budget="0.3")
    lab.request("without", profile="large")
    requester = lab.person(REQUESTER)
    for name, budget in (("fixed", "0.2"), ("fixed", None), ("without", "0.1")):
        answer = requester.patch(f"{PATH}/{name}", {"spec": {"budget": budget}})
        assert answer.status_code == 422, say(answer)
        assert "never changes" in answer.text
    lower = definition(Limits(budgets={"large": 0.1}))
    assert lab.api.apply(_path(lower), lower, manager="test").is_success
    refused = eventually(
        lambda: requester.create(_asked("new", profile="large", budget="0.2"), dry_run=True),
        until=lambda got: got.status_code == 422,
        within=PATIENCE,
    )
    assert refused.status_code == 422
    lab.approve("fixed")
    usual = definition(Limits(budgets={"large": 0.3}))
    assert lab.api.apply(_path(usual), usual, manager="test").is_success
    for name in ("fixed", "without"):
        assert requester.delete(f"{PATH}/{name}").is_success
        lab.until_gone(name)


@pytest.mark.parametrize("limits", [{"total": 2}, {"per_requester": 2}])
def test_no_race_exceeds_the_quota(lab: SandboxLab, limits: dict[str, int]) -> None:
    """Many at the same moment, by many workers; then they go on as there is room."""
    names = [f"crowd-{next(iter(limits)).replace('_', '-')}-{number}" for number in range(5)]
    for name in names:
        lab.request(name)
        lab.approve(name)
    with lab.operator(limits=limits):
        left = set(names)
        while left:
            done = eventually(
                lambda: _phases(lab, left),
                until=lambda got: any(one == Phase.READY for one in got.values()),
                within=PATIENCE,
                every=0.02,
            )
            phases = _phases(lab, left)
            living = [name for name, phase in phases.items() if phase not in (None, "Requested")]
            assert len(living) <= 2, phases
            if len(left) > 2:
                _told(lab, left)
            ready_ = [name for name, phase in done.items() if phase == Phase.READY]
            assert ready_, done
            gone(lab, ready_[0])
            left.discard(ready_[0])


def _phases(lab: SandboxLab, names: set[str]) -> dict[str, Any]:
    """As the API server has them at one moment."""
    found = {
        one["metadata"]["name"]: (one.get("status") or {}).get("phase")
        for one in lab.api.items(PATH)
    }
    now = {name: found.get(name) for name in sorted(names)}
    living = [name for name, phase in now.items() if phase not in (None, "Requested")]
    assert len(living) <= 2, now
    return now


def _told(lab: SandboxLab, names: set[str]) -> None:
    """Whoever has to wait is told why; who that is, is decided while one looks."""

    def messages() -> list[str]:
        found = [lab.status(name).get("conditions") or [] for name in sorted(names)]
        return [
            one["message"]
            for conditions in found
            for one in conditions
            if (one["type"], one["status"]) == ("QuotaExceeded", "True")
        ]

    told = eventually(messages, until=bool, within=PATIENCE)
    assert told, "nobody is told"
    assert all("the most at one time" in message for message in told)
