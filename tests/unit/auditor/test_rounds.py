"""One look at a cluster, over an API that answers what the test says."""

from __future__ import annotations

import pytest

from infra.auditor import rounds, scope
from infra.auditor.told import Told
from infra.errors import KubernetesRefused
from policies import cluster
from policies.admission import Settings
from policies.audit import Stand
from policies.rule import Place
from tests.unit.auditor.fakes import CLOSED, NAMESPACE, OPEN, SECRETS, SERVICES, Lists

TOLD = Told("1.36.3")
ENFORCED = cluster.objects(Settings(), "1.36.3", rules=[SERVICES, SECRETS])


def stands(api: Lists) -> dict[tuple[str, Place], Stand]:
    found = rounds.go(api, [SERVICES, SECRETS], TOLD)
    return {(one.rule.id, one.place): one.standing.stand for one in found.judged}


def test_policies_and_objects_are_judged() -> None:
    assert stands(Lists(NAMESPACE, CLOSED, *ENFORCED)) == {
        ("services", Place.ADMISSION): Stand.HOLDS,
        ("services", Place.LIVE): Stand.HOLDS,
        ("secrets", Place.ADMISSION): Stand.HOLDS,
    }


def test_a_fault_of_either_is_found() -> None:
    assert stands(Lists(NAMESPACE, CLOSED, OPEN, *ENFORCED))["services", Place.LIVE] is (
        Stand.BROKEN
    )
    less = [one for one in ENFORCED if one["kind"] != "ValidatingAdmissionPolicyBinding"]
    assert stands(Lists(NAMESPACE, CLOSED, *less))["services", Place.ADMISSION] is Stand.BROKEN


def test_a_round_lists_its_faults() -> None:
    found = rounds.go(Lists(NAMESPACE, OPEN, *ENFORCED), [SERVICES], TOLD)
    (broken,) = found.broken
    assert [fault.object for fault in broken.standing.faults] == ["Service sandbox-example/example"]
    assert found.seconds >= 0


def test_content_is_not_asked_for() -> None:
    api = Lists(NAMESPACE, CLOSED, *ENFORCED)
    stands(api)
    assert not [path for path in api.asked if path.endswith(("/secrets", "/configmaps"))]
    assert scope.places(SECRETS) == (Place.ADMISSION,)


def test_managed_fields_are_dropped() -> None:
    service = {**CLOSED, "metadata": {**CLOSED["metadata"], "managedFields": [{"a": "b" * 999}]}}
    from infra.auditor import observation

    seen = observation.observe(Lists(NAMESPACE, service), [SERVICES], TOLD)
    assert seen.objects is not None
    ((only,),) = [seen.objects["v1", "Service"]]
    assert "managedFields" not in only["metadata"]


def test_a_refusal_is_no_result() -> None:
    api = Lists(NAMESPACE)
    api.status = 403
    with pytest.raises(KubernetesRefused):
        stands(api)
