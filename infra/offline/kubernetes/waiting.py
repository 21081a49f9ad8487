"""Waits for objects: by watching them, not by asking again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from infra.errors import KubernetesNotReady
from infra.kubernetes.client import Api
from infra.kubernetes.discovery import Kind
from infra.offline.kubernetes.objects import describe, metadata
from infra.offline.kubernetes.readiness import WORKLOADS, Pending, pending, pod_troubles
from infra.plugins import current

Object = Mapping[str, Any]

#: Seconds of one watch; between two of them an interruption is noticed.
_WINDOW: Final = 5.0
#: A watch that ends sooner than this without an event did not watch at all.
_TOO_SHORT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where one object is."""

    kind: Kind
    namespace: str | None
    name: str

    @property
    def path(self) -> str:
        return self.kind.path(self.namespace, self.name)


def until(
    api: Api,
    place: Place,
    item: Object | None,
    settled: Callable[[Object | None], bool],
    *,
    seconds: float,
) -> Object | None:
    """The object (None: it is gone) once it has settled, or as it was when time was up."""
    deadline = time.monotonic() + seconds
    cancelled = current().cancelled
    while not settled(item) and (left := deadline - time.monotonic()) > 0:
        if cancelled.is_set():
            break
        started = time.monotonic()
        item = _watch(api, place, item, settled, seconds=min(left, _WINDOW))
        if settled(item):
            break
        if time.monotonic() - started < _TOO_SHORT:
            cancelled.wait(_TOO_SHORT)
        item = _get(api, place)
    return item


def _watch(
    api: Api,
    place: Place,
    item: Object | None,
    settled: Callable[[Object | None], bool],
    *,
    seconds: float,
) -> Object | None:
    params = {
        "fieldSelector": f"metadata.name={place.name}",
        "timeoutSeconds": str(max(1, round(seconds))),
    }
    if item is not None and metadata(item).get("resourceVersion"):
        params["resourceVersion"] = str(metadata(item)["resourceVersion"])
    with closing(api.watch(place.kind.collection(place.namespace), params)) as events:
        for event in events:
            item = None if event["type"] == "DELETED" else event.get("object")
            if settled(item):
                break
    return item


def _get(api: Api, place: Place) -> Object | None:
    answer = api.request("GET", place.path)
    if answer.status == 404:
        return None
    if not answer.ok:
        raise answer.refused(place.path)
    return answer.body


def until_ready(api: Api, place: Place, item: Object, *, seconds: float) -> Object:
    """The object when it is ready.

    Raises:
        KubernetesNotReady: it is not in time, never will be, or is gone.
    """
    told = ""

    def settled(now: Object | None) -> bool:
        nonlocal told
        state = pending(now) if now is not None else None
        if state is not None and state.reason != told:
            told = state.reason
            current().progress(f"waiting: {told}")
        return now is None or state is None or state.final

    last = until(api, place, item, settled, seconds=seconds)
    state = Pending("it was deleted") if last is None else pending(last)
    if state is not None:
        raise _not_ready(api, item, last, state, seconds)
    return last or item


def _not_ready(
    api: Api, item: Object, last: Object | None, state: Pending, seconds: float
) -> KubernetesNotReady:
    what = describe(item)
    if current().cancelled.is_set():
        return KubernetesNotReady(
            f"{what}: interrupted while {state.reason}.", next_step="run the command again."
        )
    when = "" if state.final or last is None else f" after {round(seconds)} s"
    reasons = [state.reason, *(_pods(api, last) if last is not None else [])]
    return KubernetesNotReady(
        f"{what} is not ready{when}: {'; '.join(reasons).rstrip('.')}.",
        next_step="correct the cause; the object stays, and the next `up` goes on from there.",
    )


def _pods(api: Api, item: Object) -> list[str]:
    """What troubles the pods of a workload; at most five, each once."""
    labels = ((item.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if item.get("kind") not in WORKLOADS or not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    path = f"/api/v1/namespaces/{metadata(item)['namespace']}/pods"
    answer = api.request("GET", path, params={"labelSelector": selector})
    pods = (answer.body.get("items") or []) if answer.ok else []
    found = [trouble for pod in pods for trouble in pod_troubles(pod)]
    return list(dict.fromkeys(found))[:5]


def until_gone(api: Api, place: Place, item: Object, *, what: str, seconds: float) -> None:
    """Waits until `item` is deleted; another object of the same name counts as gone.

    Raises:
        KubernetesNotReady: something (a finalizer, a pod that does not stop) still holds it.
    """
    uid = metadata(item).get("uid")

    def settled(now: Object | None) -> bool:
        return now is None or metadata(now).get("uid") != uid

    # Asked anew: what the deletion returned may bear the version of the deletion itself, and a
    # watch from there on would never see it.
    last = until(api, place, _get(api, place), settled, seconds=seconds)
    if not settled(last) and last is not None:
        held = metadata(last).get("finalizers") or (last.get("spec") or {}).get("finalizers")
        conditions = (last.get("status") or {}).get("conditions") or []
        told = [c["message"] for c in conditions if c.get("status") == "True" and c.get("message")]
        why = "; ".join([*(told or []), f"finalizers: {', '.join(held or ['none'])}"])
        raise KubernetesNotReady(
            f"{what} is not gone after {round(seconds)} s ({why}).",
            next_step="see what holds it; then run the command again.",
        )
