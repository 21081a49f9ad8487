from __future__ import annotations

from typing import Any

import httpx
import pytest

from infra.errors import KubernetesNotReady, KubernetesRefused
from infra.kubernetes.discovery import Kind
from infra.offline.kubernetes.waiting import Place, until_gone, until_ready
from infra.plugins import call
from tests.unit.offline.fake_api import FakeApi, status

PODS = Kind("/api/v1", "pods", True)
PLACE = Place(PODS, "demo", "p")
DEPLOYMENTS = Place(Kind("/apis/apps/v1", "deployments", True), "demo", "web")


def pod(phase: str = "Pending", uid: str = "1") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "demo", "uid": uid, "resourceVersion": "7"},
        "status": {"phase": phase},
    }


def event(type_: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": type_, "object": item}


def test_a_ready_object_is_not_watched(fake: FakeApi) -> None:
    ready = pod("Succeeded")
    assert until_ready(fake.session().api, PLACE, ready, seconds=5) == ready
    assert fake.requests == []


def test_watches_from_the_version_that_it_knows(fake: FakeApi) -> None:
    fake.watches = [[event("MODIFIED", pod("Running")), event("MODIFIED", pod("Succeeded"))]]
    found = until_ready(fake.session().api, PLACE, pod(), seconds=5)
    assert found["status"]["phase"] == "Succeeded"
    ((method, path, params),) = fake.requests
    assert (method, path) == ("GET", "/api/v1/namespaces/demo/pods")
    assert params["fieldSelector"] == "metadata.name=p"
    assert params["resourceVersion"] == "7"


def test_asks_again_when_a_watch_ends(fake: FakeApi) -> None:
    fake.objects[PLACE.path] = pod("Succeeded")
    assert (
        until_ready(fake.session().api, PLACE, pod(), seconds=5)["status"]["phase"] == "Succeeded"
    )


def test_what_will_never_be_ready_is_not_waited_for(fake: FakeApi) -> None:
    fake.watches = [[event("MODIFIED", pod("Failed"))]]
    with pytest.raises(KubernetesNotReady, match="v1 Pod demo/p is not ready: a container failed"):
        until_ready(fake.session().api, PLACE, pod(), seconds=600)


def test_what_is_deleted_meanwhile(fake: FakeApi) -> None:
    fake.watches = [[event("DELETED", pod())]]
    with pytest.raises(KubernetesNotReady, match="is not ready: it was deleted"):
        until_ready(fake.session().api, PLACE, pod(), seconds=600)


def test_time_is_up_with_the_pods_own_troubles(fake: FakeApi) -> None:
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "demo", "uid": "1"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"updatedReplicas": 1, "replicas": 1},
    }
    fake.objects[DEPLOYMENTS.path] = web
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    lost = {"status": {"containerStatuses": [{"name": "c", "state": waiting}]}}

    def answers(request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("labelSelector") == "app=web":
            return httpx.Response(200, json={"items": [lost, lost]})
        return None

    fake.answers = answers
    with pytest.raises(KubernetesNotReady) as caught:
        until_ready(fake.session().api, DEPLOYMENTS, web, seconds=0.6)
    assert "after 1 s: 0 of 1 replicas are available" in caught.value.message
    assert caught.value.message.count("container c: ErrImagePull: no such image") == 1


def test_an_interruption_ends_the_wait(fake: FakeApi, request_of_the_engine: call.Call) -> None:
    request_of_the_engine.cancelled.set()
    with pytest.raises(KubernetesNotReady, match="interrupted while"):
        until_ready(fake.session().api, PLACE, pod(), seconds=600)


def test_a_refusal_during_the_wait(fake: FakeApi) -> None:
    fake.answers = lambda _request: status(403, "forbidden")
    with pytest.raises(KubernetesRefused, match="forbidden"):
        until_ready(fake.session().api, PLACE, pod(), seconds=5)


def test_gone_is_gone(fake: FakeApi) -> None:
    fake.objects[PLACE.path] = pod()
    fake.watches = [[event("MODIFIED", pod()), event("DELETED", pod())]]
    until_gone(fake.session().api, PLACE, pod(), what="x", seconds=5)
    assert len(fake.requests) == 2


def test_what_is_gone_at_once_is_not_watched(fake: FakeApi) -> None:
    until_gone(fake.session().api, PLACE, pod(), what="x", seconds=600)
    assert len(fake.requests) == 1


def test_a_new_object_of_the_same_name_is_another_one(fake: FakeApi) -> None:
    fake.objects[PLACE.path] = pod(uid="2")
    until_gone(fake.session().api, PLACE, pod(), what="x", seconds=5)


def test_what_holds_an_object_is_named(fake: FakeApi) -> None:
    held = pod()
    held["metadata"]["finalizers"] = ["lab/keep"]
    held["status"]["conditions"] = [
        {"type": "NamespaceContentRemaining", "status": "True", "message": "pods remain"}
    ]
    fake.objects[PLACE.path] = held
    with pytest.raises(KubernetesNotReady) as caught:
        until_gone(fake.session().api, PLACE, pod(), what="v1 Pod demo/p", seconds=0.6)
    assert "v1 Pod demo/p is not gone after 1 s" in caught.value.message
    assert "pods remain; finalizers: lab/keep" in caught.value.message
