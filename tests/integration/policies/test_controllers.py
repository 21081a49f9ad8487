"""Controllers make pods in nobody's name: of what was admitted before a rule was there, too."""

from __future__ import annotations

from typing import Any

from policies.admission import Settings
from policies.examples import namespace_of
from tests.integration.policies.enforced import MANDATORY, World, earlier, named_in, of_pods
from tests.live.support.api import eventually, location
from tests.live.support.policies import admission_of


def refusal(replica_set: dict[str, Any]) -> str:
    """Why it cannot make its pod; empty if it can."""
    conditions = replica_set["status"].get("conditions") or []
    return next((one["message"] for one in conditions if one["type"] == "ReplicaFailure"), "")


def breaking(pod: dict[str, Any]) -> set[str]:
    """Rules that a pod like this one would break, by our own evaluator."""
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
    return {
        id_
        for id_, rule in MANDATORY.items()
        if of_pods(rule) and list(admission_of(rule).faults(pod, namespace_of(pod), Settings()))
    }


def test_a_replica_set_cannot_make_what_a_rule_refuses(world: World) -> None:
    """Its pods, which it could make while there were no policies, are deleted: it makes others, and
    is refused by a policy that they break.
    """
    before = earlier(world.api)
    assert set(before) == set(world.earlier)
    wrong = {name: rule for name, rule in world.earlier.items() if rule is not None}
    of_all = {rule.id for rule in MANDATORY.values() if of_pods(rule)}
    assert {rule.id for rule in wrong.values()} == of_all
    for pod in before.values():
        assert world.api.delete(location({"apiVersion": "v1", "kind": "Pod", **pod})).is_success
    found = eventually(
        lambda: earlier(world.api, "apis/apps/v1", "replicasets"),
        until=lambda got: all(refusal(got[name]) for name in wrong),
        within=120,
    )
    for name, rule in wrong.items():
        told, broken = refusal(found[name]), breaking(before[name])
        assert rule.id in broken
        # An API server names one policy of those that refuse.
        assert named_in(told) & broken, f"{name}: {told or 'it is not refused'}"
    # The control: pods that break nothing are made as before.
    now = eventually(lambda: earlier(world.api), until=lambda got: set(got) == {"right"}, within=60)
    assert set(now) == {"right"}
    assert now["right"]["metadata"]["uid"] != before["right"]["metadata"]["uid"]
    assert breaking(before["right"]) == set()
