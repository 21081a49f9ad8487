"""Objects that our own stacks declare, each with one protection flipped, before deployment."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from policies import examples, preview
from policies.admission import Settings
from policies.kinds import WORKLOADS
from policies.registry import all_rules
from policies.rule import ByAdmission, Rule
from policies.values import UNKNOWN, Undecided
from tests.live.support.policies import admission_of
from tests.policies import captured

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
#: Rules of pods that are decided before deployment.
OF_PODS = [
    rule
    for rule in all_rules().values()
    if isinstance(rule.preview, ByAdmission) and set(admission_of(rule).kinds) <= set(WORKLOADS)
]


def flips(rule: Rule) -> Iterator[dict[str, Any]]:
    """What its failing pods say otherwise than a pod that every rule admits; None: nothing. Whether
    an image is pulled goes with its name.
    """
    right = examples.pod()["spec"]
    for manifest in admission_of(rule).fails:
        if manifest["kind"] == "Pod":
            spec = manifest["spec"]
        elif manifest["kind"] == "Deployment":
            spec = manifest["spec"]["template"]["spec"]
        else:
            continue
        found = _differing(right, spec)
        only = spec["containers"][0]
        found["containers"] = _differing(right["containers"][0], only)
        found["containers"]["imagePullPolicy"] = only.get("imagePullPolicy")
        yield found


def _differing(right: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    keys = sorted({*right, *wrong})
    return {key: wrong.get(key) for key in keys if wrong.get(key) != right.get(key)}


def flipped(properties: Any, flip: dict[str, Any]) -> dict[str, Any]:
    """A Deployment of a sandbox with that."""
    found: dict[str, Any] = copy.deepcopy(dict(properties))
    found["metadata"]["namespace"] = examples.NAMESPACE
    pod = found["spec"]["template"]["spec"]
    for container in pod["containers"]:
        container.update(flip["containers"])
    pod.update({key: value for key, value in flip.items() if key != "containers"})
    found["spec"]["template"]["spec"] = _said(pod)
    return found


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.id)
def test_a_flipped_protection_of_a_workload_is_denied(rule: Rule) -> None:
    tried = 0
    for example, one in captured.of_types(frozenset({DEPLOYMENT})):
        moved = flipped(one.properties, {"containers": {}})
        if list(preview.of_resource(rule, one.type, moved, Settings())):
            continue  # it is not for sandboxes, and breaks the rule there as it is
        for flip in flips(rule):
            mutant = flipped(one.properties, flip)
            denied = list(preview.of_resource(rule, one.type, mutant, Settings()))
            assert denied, f"{example}: {one.name} passes with {flip}"
            tried += 1
    assert tried, "nothing is proven"


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.id)
def test_a_workload_whose_pods_are_not_known_yet_never_passes(rule: Rule) -> None:
    for _, one in captured.of_types(frozenset({DEPLOYMENT})):
        unknown = flipped(one.properties, {"containers": {}})
        unknown["spec"]["template"]["spec"] = UNKNOWN
        with pytest.raises(Undecided):
            list(preview.of_resource(rule, one.type, unknown, Settings()))
