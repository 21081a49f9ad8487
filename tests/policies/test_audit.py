"""What an audit makes of what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra import naming
from policies.admission import Admission, Scope, Validation
from policies.audit import Audited, Check, Observed, Stand, audit, differences
from policies.examples import NAMESPACE, manifest
from policies.kinds import SERVICE
from policies.properties import Properties, must_be
from policies.relations import Fault, Relations, Resource, Stack
from policies.rule import ByAdmission, NotHere, Place, Refreshed, Rule, Severity, Verified

VOLUME = "aws:ebs/volume:Volume"
CLOUD = Rule(
    id="volumes",
    title="Volumes are encrypted.",
    reason="Disks get lost.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.01",),
    preview=Properties({VOLUME: (must_be("encrypted", True),)}),
    admission=NotHere("It is no object."),
    live=Refreshed(),
)
OPEN, CLOSED = (manifest("Service", spec={"type": t}) for t in ("NodePort", "ClusterIP"))
SERVICES = Rule(
    id="services",
    title="Services stay inside.",
    reason="A port on a node is open to all.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(SERVICE,),
        scope=Scope.SANDBOXES,
        validations=(Validation("object.spec.type == 'ClusterIP'", "It is not inside."),),
        passes=(CLOSED,),
        fails=(OPEN,),
    ),
    live=ByAdmission(),
)
HOST = replace(
    CLOUD, id="ssh", preview=NotHere("Roles write it."), live=Verified(("hosts.ssh[root.*]",))
)
SANDBOX = {"metadata": {"name": NAMESPACE, "labels": {naming.LABEL_SANDBOX: "example"}}}


def looked(rule: Rule, observed: Observed) -> Audited:
    (found,) = audit([rule], observed, object_name=lambda id_: f"ai-lab-{id_}")
    return found


def stands(found: Audited) -> dict[str, str]:
    return {place.value: one.stand.value for place, one in found.places.items()}


def volumes(*, encrypted: Any) -> Stack:
    return Stack([Resource(VOLUME, "disk", "urn::disk", {"encrypted": encrypted})])


def test_nothing_is_said_of_what_nobody_looked_at() -> None:
    for rule in (CLOUD, SERVICES, HOST):
        assert not set(stands(looked(rule, Observed())).values()) & {"holds", "broken"}


def test_what_holds_everywhere_is_no_drift() -> None:
    found = looked(
        CLOUD, Observed(declared=volumes(encrypted=True), refreshed=volumes(encrypted=True))
    )
    assert stands(found) == {"preview": "holds", "admission": "not here", "live": "holds"}
    assert found.drift == ""


def test_what_was_changed_in_the_cloud_is_drift() -> None:
    observed = Observed(declared=volumes(encrypted=True), refreshed=volumes(encrypted=False))
    found = looked(CLOUD, observed)
    assert found.drift == "it holds by preview and is broken by live"
    (fault,) = found.places[Place.LIVE].faults
    assert fault.object == "urn::disk"
    assert "encrypted is false" in fault.message


def test_a_rule_about_nothing_in_the_stack_holds_nowhere() -> None:
    empty = Stack([])
    found = looked(CLOUD, Observed(declared=empty, refreshed=empty))
    assert set(stands(found).values()) == {"nothing to decide", "not here"}


def in_cluster(*services: dict[str, Any], policy: dict[str, Any] | None) -> Observed:
    key = ("ValidatingAdmissionPolicy", "ai-lab-services")
    return Observed(
        wanted={key: {"spec": {"failurePolicy": "Fail", "variables": []}}},
        installed={} if policy is None else {key: policy},
        objects={("v1", "Service"): services},
        namespaces={NAMESPACE: SANDBOX},
    )


IN_FORCE = {"spec": {"failurePolicy": "Fail", "matchConstraints": {}}}


def test_an_object_behind_the_policy_s_back_is_drift() -> None:
    found = looked(SERVICES, in_cluster(CLOSED, OPEN, policy=IN_FORCE))
    assert stands(found)["admission"] == "holds"
    assert stands(found)["live"] == "broken"
    (fault,) = found.places[Place.LIVE].faults
    assert fault.object == f"Service {NAMESPACE}/example"
    assert found.drift == "it holds by admission and is broken by live"


@pytest.mark.parametrize("policy", [None, {"spec": {"failurePolicy": "Ignore"}}])
def test_a_policy_that_is_gone_or_changed_is_drift(policy: dict[str, Any] | None) -> None:
    found = looked(SERVICES, in_cluster(CLOSED, policy=policy))
    assert stands(found)["admission"] == "broken"
    assert found.drift == "it holds by live and is broken by admission"


def test_objects_of_other_namespaces_do_not_count() -> None:
    observed = in_cluster(OPEN, policy=IN_FORCE)
    other = replace(observed, namespaces={NAMESPACE: {"metadata": {"name": NAMESPACE}}})
    assert stands(looked(SERVICES, other))["live"] == "nothing to decide"


@pytest.mark.parametrize(
    ("outcome", "stand"),
    [("passed", Stand.HOLDS), ("failed", Stand.BROKEN), ("skipped", Stand.NOTHING)],
)
def test_checks_of_verify_decide_about_machines(outcome: str, stand: Stand) -> None:
    checks = [Check("hosts.ssh[root.worker]", outcome, "why"), Check("hosts.ssh[x.y]", "failed")]
    found = looked(HOST, Observed(checks=checks)).places[Place.LIVE]
    assert found.stand is stand


def test_relations_are_judged_by_the_whole_stack() -> None:
    def lonely(stack: Stack) -> Iterator[Fault]:
        yield Fault("alone", stack.resources[0])

    rule = replace(CLOUD, preview=Relations((VOLUME,), lonely, broken=()))
    assert stands(looked(rule, Observed(declared=volumes(encrypted=True))))["preview"] == "broken"


def test_what_an_api_server_adds_is_no_difference() -> None:
    wanted = {"a": {"b": [{"c": 1}]}, "empty": {}}
    assert not list(differences(wanted, {"a": {"b": [{"c": 1, "d": 2}]}, "e": 3}, "spec"))
    assert list(differences(wanted, {"a": {"b": [{"c": 2}]}}, "spec")) == ["spec.a.b[0].c"]
    assert list(differences(wanted, {"a": {"b": []}}, "spec")) == ["spec.a.b"]
