"""Pods and services made for a moment: started, waited for, read, and removed at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.live.support.api import Api, eventually, location, say

#: Seconds until a pod must have started or ended.
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Batch:
    """Whatever it makes is removed when `cleanup` ends."""

    api: Api
    cleanup: ExitStack

    def make(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Creates an object; returns it as the API server has it."""
        # A new namespace has no service account yet; its pods are refused until it has one.
        answer = eventually(
            lambda: self.api.create(manifest),
            until=lambda got: got.status_code != 403 or "serviceaccount" not in got.text,
            within=20,
        )
        assert answer.status_code == 201, (
            f"the probe {manifest['kind']} {manifest['metadata']['name']} was not accepted: "
            f"{say(answer)}"
        )
        self.cleanup.callback(self.api.delete, location(manifest))
        made: dict[str, Any] = answer.json()
        return made

    def address(self, manifest: dict[str, Any]) -> str:
        """Waits until a server runs; returns its address."""
        status = self._status(manifest, lambda got: got.get("phase") == "Running")
        return str(status["podIP"])

    def end(self, manifest: dict[str, Any]) -> tuple[int, str]:
        """Waits until a client has ended; returns its exit status and its address."""
        status = self._status(manifest, lambda got: got.get("phase") in ("Succeeded", "Failed"))
        terminated = status["containerStatuses"][0]["state"]["terminated"]
        return int(terminated["exitCode"]), str(status["podIP"])

    def node(self, manifest: dict[str, Any]) -> str:
        """Name of the node that carries a pod."""
        return str(self.api.read(location(manifest))["spec"].get("nodeName", ""))

    def log(self, manifest: dict[str, Any]) -> str:
        answer = self.api.get(f"{location(manifest)}/log")
        assert answer.status_code == 200, f"the probe's log is not readable: {say(answer)}"
        return answer.text

    def _status(
        self, manifest: dict[str, Any], done: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            status: dict[str, Any] = self.api.read(location(manifest))["status"]
            return status

        status = eventually(look, until=lambda got: done(got) or _hopeless(got), within=PATIENCE)
        name = manifest["metadata"]["name"]
        assert done(status), (
            f"the probe pod {name} did not start or end within {PATIENCE} s: {_why(status)}. "
            f"See `kubectl -n {manifest['metadata']['namespace']} describe pod {name}`."
        )
        return status


def _hopeless(status: dict[str, Any]) -> bool:
    """The image is not on the node and cannot be fetched."""
    states = [entry.get("state", {}) for entry in status.get("containerStatuses", [])]
    reasons = {state.get("waiting", {}).get("reason", "") for state in states}
    return bool(reasons & {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff"})


def _why(status: dict[str, Any]) -> str:
    states = [entry.get("state") for entry in status.get("containerStatuses", [])]
    conditions = [c.get("message") for c in status.get("conditions", []) if c.get("message")]
    return f"phase {status.get('phase')}, containers {states}, {'; '.join(conditions)}"
