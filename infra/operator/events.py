"""Tells people of a sandbox's phases by events of the API server.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/. An event has a name
of its own phase, so that it is there once; nothing depends on it, and nothing secret or random of
the sandbox is in it: it outlives the sandbox by an hour.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from infra import naming
from infra.kubernetes.client import Answer, Api
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
    what = f"{sandbox.uid}/{phase}/{status.suspensions}"
    note = _NOTES.get(phase, "")
    if phase in (Phase.EXPIRING, Phase.DESTROYED) and status.ending:
        note = f"{note} Why: {status.ending}."
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
        "action": phase.value,
        "reason": phase.value,
        "type": "Warning" if phase in _WARNINGS else "Normal",
        "note": note,
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": sandbox.name,
            "uid": sandbox.uid,
        },
    }
    path = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    return api.request("POST", path, body=body, patience=2)
