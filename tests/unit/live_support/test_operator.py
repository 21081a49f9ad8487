"""What the live checks say of an operator's lease and rights, fed with bad ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra import naming
from tests.live.support import operator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PODS = {"sandbox-operator-1", "sandbox-operator-2"}


def lease(holder: str | None = "sandbox-operator-2-1-abcd", age: float = 3) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")
    return {
        "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 10},
    }


def test_one_of_its_pods_leads() -> None:
    assert operator.lease_fault(lease(), PODS, NOW) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lease(holder=None), "nobody"),
        (lease(holder=""), "nobody"),
        (lease(holder="sandbox-operator-3-1-abcd"), "none of its pods"),
        (lease(holder="somebody"), "none of its pods"),
        (lease(age=60), "60 s ago"),
        ({}, "nobody"),
    ],
)
def test_nobody_leads(bad: dict[str, Any], why: str) -> None:
    assert why in operator.lease_fault(bad, PODS, NOW)


def test_it_needs_more_in_two_namespaces_than_elsewhere() -> None:
    elsewhere = operator.asked_rights("sandbox-demo")
    assert ("coordination.k8s.io", "leases", "update") not in elsewhere
    own = operator.asked_rights(naming.OPERATOR_NAMESPACE)
    assert ("coordination.k8s.io", "leases", "update") in own
    assert not {resource for _, resource, _ in own} & {"secrets", "configmaps", "pods/exec"}
