"""Says of pods what a kubelet would, where there are no nodes: probes run and end at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.operator.probe import NAME
from tests.live.support.api import Api


@dataclass
class Kubelet:
    """What probes of this cluster find; `found` may be changed at any time."""

    found: Callable[[str], Mapping[str, str] | str]
    #: Namespaces in which a probe ran, each time.
    probed: list[str] = field(default_factory=list)


@contextmanager
def kubelet(
    client: httpx.Client, found: Callable[[str], Mapping[str, str] | str]
) -> Iterator[Kubelet]:
    """Answers for every probe pod until the end of the block.

    `found` gives what a probe in a namespace finds: by target, or the container's very words.
    """
    made = Kubelet(found)
    over = threading.Event()
    thread = threading.Thread(target=_run, args=(client, made, over), name="kubelet", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join(10)


def _run(client: httpx.Client, made: Kubelet, over: threading.Event) -> None:
    params = {"fieldSelector": f"metadata.name={NAME}", "watch": "1", "timeoutSeconds": "1"}
    while not over.is_set():
        try:
            with client.stream("GET", "/api/v1/pods", params=params, timeout=30) as stream:
                for line in stream.iter_lines():
                    event = json.loads(line)
                    if event["type"] == "ADDED":
                        _end(client, made, event["object"])
        except httpx.TransportError:
            # The API server of a test may be stopped.
            over.wait(0.1)


def _end(client: httpx.Client, made: Kubelet, pod: Mapping[str, Any]) -> None:
    metadata = pod["metadata"]
    if (pod.get("status") or {}).get("phase") != "Pending":
        return
    namespace = metadata["namespace"]
    words = made.found(namespace)
    made.probed.append(namespace)
    message = words if isinstance(words, str) else json.dumps(dict(words))
    ended = {"exitCode": 0, "reason": "Completed", "message": message}
    status = {
        "phase": "Succeeded",
        "containerStatuses": [
            {
                "name": "probe",
                "image": "probe",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": ended},
            }
        ],
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{NAME}/status"
    answer = Api(client).patch(path, {"metadata": {"uid": metadata["uid"]}, "status": status})
    # It may have been deleted meanwhile.
    assert answer.status_code in (200, 404, 409), answer.text
