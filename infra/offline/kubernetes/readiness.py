"""When an object is ready: pure functions of the object as the API shows it.

The conditions are those of `kubectl rollout status` and `kubectl wait`
(https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pending:
    """Not ready yet; `reason` says what is still awaited. `final`: it never will be."""

    reason: str
    final: bool = False


def _condition(item: Object, type_: str) -> Object:
    for condition in (item.get("status") or {}).get("conditions") or []:
        if condition.get("type") == type_:
            return dict(condition)
    return {}


def _told(condition: Object) -> str:
    return f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")


def _observed(item: Object) -> bool:
    seen = (item.get("status") or {}).get("observedGeneration", 0)
    return bool(seen >= (item.get("metadata") or {}).get("generation", 0))


def _deployment(item: Object) -> Pending | None:
    if not _observed(item):
        return Pending("the controller has not seen it yet")
    progressing = _condition(item, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Pending(_told(progressing), final=True)
    wanted = item["spec"].get("replicas", 1)
    status = item["status"]
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if updated < wanted:
        return Pending(f"{updated} of {wanted} replicas are of the new version")
    if total > updated:
        return Pending(f"{total - updated} old replicas still run")
    if available < updated:
        return Pending(f"{available} of {updated} replicas are available")
    return None


def _stateful_set(item: Object) -> Pending | None:
    if not _observed(item):
        return Pending("the controller has not seen it yet")
    spec, status = item["spec"], item["status"]
    wanted = spec.get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        return Pending(f"{ready} of {wanted} replicas are ready")
    rolling = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    updated = status.get("updatedReplicas", 0)
    if rolling and updated < wanted - partition:
        return Pending(f"{updated} of {wanted - partition} replicas are of the new version")
    return None


def _daemon_set(item: Object) -> Pending | None:
    if not _observed(item):
        return Pending("the controller has not seen it yet")
    status = item["status"]
    wanted = status.get("desiredNumberScheduled", 0)
    rolling = (item["spec"].get("updateStrategy") or {}).get("type") != "OnDelete"
    updated = status.get("updatedNumberScheduled", 0)
    if rolling and updated < wanted:
        return Pending(f"{updated} of {wanted} nodes have the new version")
    available = status.get("numberAvailable", 0)
    if available < wanted:
        return Pending(f"it is available on {available} of {wanted} nodes")
    return None


def _job(item: Object) -> Pending | None:
    if item["spec"].get("suspend"):
        return None
    failed = _condition(item, "Failed")
    if failed.get("status") == "True":
        return Pending(_told(failed), final=True)
    if _condition(item, "Complete").get("status") == "True":
        return None
    done = (item.get("status") or {}).get("succeeded", 0)
    return Pending(f"{done} of {item['spec'].get('completions', 1)} completions so far")


def _pod(item: Object) -> Pending | None:
    status = item.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Succeeded" or _condition(item, "Ready").get("status") == "True":
        return None
    if phase == "Failed":
        why = status.get("message") or status.get("reason") or "a container failed"
        return Pending(why, final=True)
    return Pending("; ".join(pod_troubles(item)) or f"its phase is {phase}")


def pod_troubles(item: Object) -> list[str]:
    """What keeps a pod from running, in the kubelet's and the scheduler's own words."""
    scheduled = _condition(item, "PodScheduled")
    if scheduled.get("status") == "False":
        return [_told(scheduled)]
    status = item.get("status") or {}
    troubles = []
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or []:
            state = container.get("state") or {}
            waiting = state.get("waiting") or {}
            ended = state.get("terminated") or {}
            name = container.get("name", "")
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                troubles.append(f"container {name}: {_told(waiting)}")
            elif ended.get("exitCode"):
                troubles.append(f"container {name} ended with status {ended['exitCode']}")
    return troubles


def _definition(item: Object) -> Pending | None:
    names = _condition(item, "NamesAccepted")
    if names.get("status") == "False":
        return Pending(_told(names), final=True)
    if _condition(item, "Established").get("status") != "True":
        return Pending("the API does not serve the new kind yet")
    return None


def _namespace(item: Object) -> Pending | None:
    phase = (item.get("status") or {}).get("phase", "Active")
    return None if phase == "Active" else Pending(f"its phase is {phase}")


_RULES: dict[tuple[str, str], Callable[[Object], Pending | None]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "Namespace"): _namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}

#: Kinds whose pods must be gone before they themselves count as deleted.
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})


def group_of(item: Object) -> str:
    """The API group; empty for the core group."""
    group, _, version = str(item.get("apiVersion", "")).rpartition("/")
    return group if version else ""


def pending(item: Object) -> Pending | None:
    """What `item` is still waiting for; None if it is ready or of a kind without readiness."""
    rule = _RULES.get((group_of(item), str(item.get("kind"))))
    return rule(item) if rule else None


def has_readiness(item: Object) -> bool:
    return (group_of(item), str(item.get("kind"))) in _RULES
