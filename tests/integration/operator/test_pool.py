"""The warm pool: never handed out twice, the same as a cold one, and gone when it should be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra import naming
from infra.sandbox.resource import Phase
from tests.harness.sandbox_lab import PATIENCE, SandboxLab
from tests.integration.operator.test_life import ready, uid_of
from tests.live.support.api import eventually

READY = "ai-lab.eu/pool-ready"


def profiles(**counts: int) -> dict[str, Any]:
    return {name: {"pool": count} for name, count in counts.items()}


def members(lab: SandboxLab, profile: str = "small") -> list[dict[str, Any]]:
    """Namespaces of the pool that could be handed out."""
    label = f"{naming.LABEL_POOL}={profile}"
    return [
        one
        for one in lab.api.items("/api/v1/namespaces", labelSelector=label)
        if (one["metadata"].get("annotations") or {}).get(READY) == "true"
    ]


def until_filled(lab: SandboxLab, count: int, profile: str = "small") -> None:
    found = eventually(
        lambda: len(members(lab, profile)), until=lambda got: got == count, within=4 * PATIENCE
    )
    assert found == count


def until_drained(lab: SandboxLab) -> None:
    left = eventually(
        lambda: lab.namespaces() | lab.in_vault(), until=lambda got: not got, within=4 * PATIENCE
    )
    assert left == set()


def content(lab: SandboxLab, namespace: str) -> dict[str, Any]:
    """Everything that an operator has made in a namespace, without what differs anyway."""
    identity = namespace.removeprefix(naming.sandbox_namespace(""))
    found: dict[str, Any] = {"namespace": _plain(lab.api.read(f"/api/v1/namespaces/{namespace}"))}
    for path in (
        f"/api/v1/namespaces/{namespace}/resourcequotas",
        f"/api/v1/namespaces/{namespace}/limitranges",
        f"/api/v1/namespaces/{namespace}/serviceaccounts",
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    ):
        kind = path.rpartition("/")[2]
        found[kind] = {one["metadata"]["name"]: _plain(one) for one in lab.api.items(path)}
    role = lab.vault.api("GET", f"auth/jwt/role/{namespace}")["data"]
    key = lab.vault.api("GET", f"transit/keys/{namespace}")["data"]
    found["role"] = role
    found["key"] = {name: key[name] for name in ("type", "exportable", "auto_rotate_period")}
    renamed: dict[str, Any] = _renamed(found, identity)
    return renamed


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    kept = {name: metadata.get(name) or {} for name in ("labels", "annotations")}
    labels = {key: value for key, value in kept["labels"].items() if key != naming.LABEL_OWNER}
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    return {**rest, "labels": labels, "annotations": kept["annotations"]}


def _renamed(found: Any, identity: str) -> Any:
    if isinstance(found, dict):
        return {_renamed(key, identity): _renamed(value, identity) for key, value in found.items()}
    if isinstance(found, list):
        return [_renamed(one, identity) for one in found]
    return found.replace(identity, "IDENTITY") if isinstance(found, str) else found


EGRESS = [{"cidr": "203.0.113.0/24", "port": 443, "reason": "the model's registry"}]


def test_a_warm_one_is_like_a_cold_one(lab: SandboxLab) -> None:
    with lab.operator():
        cold = ready(lab, "cold", egress=EGRESS, classification="internal")
        assert cold["warm"] is False
        wanted = content(lab, cold["namespace"])
    with lab.operator(profiles=profiles(small=1)):
        until_filled(lab, 1)
        [member] = members(lab)
        assert naming.LABEL_OWNER not in member["metadata"]["labels"]
        lab.request("warm", egress=EGRESS, classification="internal")
        lab.until("warm", Phase.REQUESTED)
        begun = time.monotonic()
        lab.approve("warm")
        warm = lab.until("warm", Phase.READY)
        print(f"\na warm one is Ready {time.monotonic() - begun:.3f} s after it was approved")
        assert warm["warm"] is True
        assert warm["namespace"] == member["metadata"]["name"]
        assert content(lab, warm["namespace"]) == wanted
        assert lab.workload(warm["namespace"]).status_code == 200
        until_filled(lab, 1)
        uids = [uid_of(lab, name) for name in ("cold", "warm")]
        for name in ("cold", "warm"):
            lab.delete(name)
            lab.until_gone(name)
        events = [[str(one.event) for one in lab.records(uid)] for uid in uids]
        assert sorted(events[0]) == sorted(events[1])
    with lab.operator():
        until_drained(lab)


def test_none_is_handed_out_twice(lab: SandboxLab) -> None:
    """Twenty people at once, and five that are ready."""
    names = [f"crowd-{number}" for number in range(20)]
    with lab.operator(profiles=profiles(small=5)):
        until_filled(lab, 5)
        with ThreadPoolExecutor(10) as people:
            list(people.map(lambda name: lab.request(name, classification="public"), names))
        statuses = {name: lab.until(name, Phase.READY, within=10 * PATIENCE) for name in names}
        used = Counter(status["identity"] for status in statuses.values())
        assert set(used.values()) == {1}, used
        warm = [name for name, status in statuses.items() if status["warm"]]
        print(f"\n{len(warm)} of {len(names)} were warm")
        assert len(warm) >= 5
        owners = Counter(
            one["metadata"]["labels"].get(naming.LABEL_OWNER)
            for one in lab.api.items("/api/v1/namespaces", labelSelector=naming.LABEL_OWNER)
        )
        assert set(owners.values()) == {1}, owners
        with ThreadPoolExecutor(10) as people:
            list(people.map(lab.delete, names))
        for name in names:
            lab.until_gone(name, within=10 * PATIENCE)
    with lab.operator():
        until_drained(lab)


def test_it_follows_the_configuration(lab: SandboxLab) -> None:
    with lab.operator(profiles=profiles(small=3)):
        until_filled(lab, 3)
        before = {one["metadata"]["name"] for one in members(lab)}
    with lab.operator(profiles=profiles(small=1)):
        until_filled(lab, 1)
        [kept] = members(lab)
        assert kept["metadata"]["name"] in before, "what is ready stays"
    larger = {"small": {"pool": 1, "quota": {"cpu": "3"}}}
    with lab.operator(profiles=larger):

        def made_anew() -> bool:
            names = {one["metadata"]["name"] for one in members(lab)}
            return len(names) == 1 and not names & before

        assert eventually(made_anew, until=bool, within=4 * PATIENCE)
    with lab.operator():
        until_drained(lab)


def test_a_member_that_was_begun_is_finished_by_the_next(lab: SandboxLab) -> None:
    found = lab.kubelet.found

    def never(_: str) -> str:
        return "nothing that anybody understands"

    lab.kubelet.found = never
    try:
        with lab.operator(profiles=profiles(small=1)) as operator:
            operator.until_logged("pool")
            assert members(lab) == []
            operator.kill()
    finally:
        lab.kubelet.found = found
    with lab.operator(profiles=profiles(small=1)):
        until_filled(lab, 1)
        assert len(lab.namespaces()) == 1
    with lab.operator():
        until_drained(lab)
