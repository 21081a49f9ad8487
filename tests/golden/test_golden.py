"""What each stack declares, as a file under review: no protection changes unseen.

A change that is meant is accepted with `pytest tests/golden --accept-golden` and reviewed as a
difference of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.cluster import manifests
from infra.sandbox import access, limits, network
from tests.harness import inventory
from tests.harness.local_lab import deploy_local


def _difference(accepted: str, now: str) -> str:
    return "\n".join(
        difflib.unified_diff(
            accepted.splitlines(), now.splitlines(), "accepted", "now", lineterm="", n=0
        )
    )


def test_the_local_stack_is_what_was_accepted(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    file = Path(__file__).with_name("local.yaml")
    now = inventory.render(deploy_local(monkeypatch))
    if request.config.getoption("--accept-golden"):
        file.write_text(now)
    accepted = file.read_text()
    changes = _difference(accepted, now)
    assert not changes, f"pytest tests/golden --accept-golden accepts this:\n{changes}"


def _without_the_first(policies: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    return lambda *args, **kwargs: policies(*args, **kwargs)[1:]


def _with_a_token(account: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda *args: {**account(*args), "automountServiceAccountToken": True}


def _looser(labels: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    return lambda _, version: labels("baseline", version)


def _wider(rules: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    return lambda: [*rules(), {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]


def _larger(quota: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def larger(*args: Any) -> dict[str, Any]:
        made = quota(*args)
        made["spec"]["hard"]["services.nodeports"] = "1"
        return made

    return larger


@pytest.mark.parametrize(
    ("module", "function", "tamper", "told"),
    [
        (
            network,
            "policies",
            _without_the_first,
            "-  name: sandbox-demo/networkpolicy/default-deny",
        ),
        (manifests, "service_account", _with_a_token, "+    automountServiceAccountToken: true"),
        (manifests, "pod_security_labels", _looser, "io/enforce: baseline"),
        (access, "rules", _wider, "+      - secrets"),
        (limits, "quota", _larger, "+        services.nodeports: '1'"),
    ],
    ids=["policy-dropped", "token-mounted", "looser-pods", "role-widened", "quota-widened"],
)
def test_a_protection_taken_away_shows(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    function: str,
    tamper: Callable[[Any], Any],
    told: str,
) -> None:
    accepted = Path(__file__).with_name("local.yaml").read_text()
    monkeypatch.setattr(module, function, tamper(getattr(module, function)))
    assert told in _difference(accepted, inventory.render(deploy_local(monkeypatch)))
