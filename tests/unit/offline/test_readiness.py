from __future__ import annotations

from typing import Any

import pytest

from infra.offline.kubernetes.readiness import Pending, has_readiness, pending


def item(api_version: str, kind: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"generation": 2}, **parts}


def condition(type_: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def deployment(**status: Any) -> dict[str, Any]:
    return item(
        "apps/v1", "Deployment", spec={"replicas": 2}, status={"observedGeneration": 2, **status}
    )


DONE = {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"observedGeneration": 1}, "the controller has not seen it yet"),
        ({"updatedReplicas": 1}, "1 of 2 replicas are of the new version"),
        ({**DONE, "replicas": 3}, "1 old replicas still run"),
        ({**DONE, "availableReplicas": 1}, "1 of 2 replicas are available"),
    ],
)
def test_deployment_waits(status: dict[str, Any], reason: str) -> None:
    assert pending(deployment(**status)) == Pending(reason)


def test_deployment_is_ready_or_never_will_be() -> None:
    assert pending(deployment(**DONE)) is None
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
    found = pending(deployment(conditions=[late]))
    assert found == Pending("ProgressDeadlineExceeded: timed out", final=True)


def stateful_set(strategy: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    spec = {"replicas": 3, "updateStrategy": strategy or {}}
    return item("apps/v1", "StatefulSet", spec=spec, status={"observedGeneration": 2, **status})


def test_stateful_set() -> None:
    assert pending(stateful_set(observedGeneration=0)) is not None
    assert pending(stateful_set()) == Pending("0 of 3 replicas are ready")
    old = stateful_set(readyReplicas=3, updatedReplicas=1)
    assert pending(old) == Pending("1 of 3 replicas are of the new version")
    part = {"rollingUpdate": {"partition": 2}}
    assert pending(stateful_set(part, readyReplicas=3, updatedReplicas=1)) is None
    assert pending(stateful_set({"type": "OnDelete"}, readyReplicas=3)) is None


def daemon_set(strategy: str = "RollingUpdate", **status: Any) -> dict[str, Any]:
    spec = {"updateStrategy": {"type": strategy}}
    return item("apps/v1", "DaemonSet", spec=spec, status={"observedGeneration": 2, **status})


def test_daemon_set() -> None:
    assert pending(daemon_set(observedGeneration=1)) is not None
    two: dict[str, Any] = {"desiredNumberScheduled": 2}
    assert pending(daemon_set(**two)) == Pending("0 of 2 nodes have the new version")
    assert pending(daemon_set("OnDelete", **two)) == Pending("it is available on 0 of 2 nodes")
    assert pending(daemon_set(**two, updatedNumberScheduled=2, numberAvailable=2)) is None
    assert pending(daemon_set()) is None


def job(spec: dict[str, Any], *conditions: dict[str, str]) -> dict[str, Any]:
    return item("batch/v1", "Job", spec=spec, status={"conditions": list(conditions)})


def test_job() -> None:
    assert pending(job({"suspend": True})) is None
    assert pending(job({"completions": 2})) == Pending("0 of 2 completions so far")
    assert pending(job({}, condition("Complete", "True"))) is None
    failed = pending(job({}, condition("Failed", "True", "BackoffLimitExceeded", "gave up")))
    assert failed == Pending("BackoffLimitExceeded: gave up", final=True)


def pod(**status: Any) -> dict[str, Any]:
    return item("v1", "Pod", status=status)


def test_pod() -> None:
    assert pending(pod(conditions=[condition("Ready", "True")])) is None
    assert pending(pod(phase="Succeeded")) is None
    assert pending(pod(phase="Failed")) == Pending("a container failed", final=True)
    assert pending(pod()) == Pending("its phase is Pending")
    lost = condition("PodScheduled", "False", "Unschedulable", "no node")
    assert pending(pod(conditions=[lost])) == Pending("Unschedulable: no node")
    waiting = {"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
    ended = {"name": "i", "state": {"terminated": {"exitCode": 3}}}
    calm = {"name": "n", "state": {"waiting": {"reason": "ContainerCreating"}}}
    found = pending(pod(containerStatuses=[waiting, calm], initContainerStatuses=[ended]))
    assert found == Pending("container i ended with status 3; container c: ErrImagePull: no")


def test_definition_and_namespace() -> None:
    group = "apiextensions.k8s.io/v1"
    crd = item(group, "CustomResourceDefinition")
    assert pending(crd) == Pending("the API does not serve the new kind yet")
    crd["status"] = {"conditions": [condition("Established", "True")]}
    assert pending(crd) is None
    crd["status"] = {"conditions": [condition("NamesAccepted", "False", "Taken", "in use")]}
    assert pending(crd) == Pending("Taken: in use", final=True)
    assert pending(item("v1", "Namespace", status={"phase": "Active"})) is None
    ending = item("v1", "Namespace", status={"phase": "Terminating"})
    assert pending(ending) == Pending("its phase is Terminating")


def test_other_kinds_are_ready_at_once() -> None:
    assert pending(item("v1", "ConfigMap")) is None
    assert pending(item("example.org/v1", "Deployment")) is None
    assert not has_readiness(item("v1", "ConfigMap"))
    assert has_readiness(item("v1", "Pod"))
