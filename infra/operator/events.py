"""Tells people of a sandbox's phases by events of the API server.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/. An event has a name
of its own phase, so that it is there once; nothing depends on it, and nothing secret or random of
the sandbox is in it: it outlives the sandbox by an hour.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from infra import naming
from infra.kubernetes.client import Answer, Api
from infra.operator.life import Told
from infra.sandbox.resource import API_VERSION, KIND, Phase, Sandbox, Status

#: Where events about objects without a namespace are.
NAMESPACE = "default"
_NOTES = {
    Phase.APPROVED: "Enough others have approved it.",
    Phase.PROVISIONING: "It is being made.",
    Phase.READY: "Its walls were seen to hold; its person is let in.",
    Phase.SUSPENDED: "Nobody is let in.",
    Phase.EXPIRING: "It is being destroyed.",
    Phase.DESTROYED: "Nothing is left of it.",
    Phase.REJECTED: "It was refused.",
    Phase.FAILED: "It could not be made.",
}
_WARNINGS = frozenset({Phase.REJECTED, Phase.FAILED, Phase.SUSPENDED})


def tell(api: Api, sandbox: Sandbox, status: Status, now: datetime, instance: str) -> Answer:
    """Posts the event of the phase that `status` has; one that is there already answers 409.

    `instance` is the process that tells it.
    """
    phase = status.phase
    note = _NOTES.get(phase, "")
    if phase in (Phase.EXPIRING, Phase.DESTROYED) and status.ending:
        note = f"{note} Why: {status.ending}."
    kind = "Warning" if phase in _WARNINGS else "Normal"
    return _post(api, sandbox, _Said(phase, str(status.suspensions), kind, note), now, instance)


def warn(api: Api, sandbox: Sandbox, told: Told, now: datetime, instance: str) -> Answer:
    """Posts the event of a condition that people should know of; once for each of its reasons."""
    said = _Said(told.type, told.reason, "Warning", told.message)
    return _post(api, sandbox, said, now, instance)


@dataclass(frozen=True, slots=True)
class _Said:
    reason: str
    #: Tells two events of one reason apart.
    number: str
    kind: str
    note: str


def _post(api: Api, sandbox: Sandbox, said: _Said, now: datetime, instance: str) -> Answer:
    what = f"{sandbox.uid}/{said.reason}/{said.number}"
    body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"{sandbox.name}.{hashlib.sha256(what.encode()).hexdigest()[:16]}",
        },
        "eventTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": f"{naming.LABEL_PREFIX}/{naming.OPERATOR}",
        "reportingInstance": instance[:128],
        "action": str(said.reason),
        "reason": str(said.reason),
        "type": said.kind,
        "note": said.note,
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": sandbox.name,
            "uid": sandbox.uid,
        },
    }
    path = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    return api.request("POST", path, body=body, patience=2)
