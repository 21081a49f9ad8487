"""One operator at a time: a Lease of the API server.

https://kubernetes.io/docs/concepts/architecture/leases/. Nobody's wall clock counts: a lease has
ended if it was not renewed for its duration by the monotonic clock of who waits for it. Who holds
it stops believing so earlier than others may take it, and then ends his process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.errors import KubernetesUnreachable, LabError
from infra.kubernetes.client import Answer, Api

_KIND = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. A lease that is not renewed is taken over after `duration`."""

    duration: int = 10
    renew: float = 2.0
    #: The holder gives up this long before others may take over.
    margin: float = 3.0

    @property
    def trusted(self) -> float:
        """How long after its last renewal the holder may act."""
        return self.duration - self.margin


class Leader:
    """This process' part in the election."""

    def __init__(
        self,
        api: Api,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`identity` must be of this process alone; `now` is what others are shown."""
        self._api = api
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._metadata = {"namespace": namespace, "name": name}
        self._identity = identity
        self._timing = timing or Timing()
        self._now = now
        self._monotonic = monotonic
        self._held_since: float | None = None
        self._renewed = threading.Condition()
        #: The lease as we wrote it last.
        self._lease: dict[str, Any] = {}
        #: The version of another's lease, and when it was first seen like that.
        self._seen: tuple[str, float] = ("", 0.0)

    @property
    def leads(self) -> bool:
        """Whether this process may act: nobody else can have taken over yet."""
        since = self._held_since
        return since is not None and self._monotonic() < since + self._timing.trusted

    def require(self) -> None:
        """Returns once this process surely leads; a renewal that is late is waited for.

        Raises:
            KubernetesUnreachable: it may not act any more.
        """
        with self._renewed:
            if self._renewed.wait_for(lambda: self.leads, timeout=self._timing.duration):
                return
        raise KubernetesUnreachable(
            "this operator's lease is not renewed; another one may lead by now.",
            next_step="none: this process ends, and another goes on.",
        )

    def acquire(self, stop: threading.Event) -> bool:
        """Waits until this process leads, or `stop` is set: then it does not."""
        while not stop.is_set():
            pause = self._try()
            if pause is None:
                return True
            self._await_change(pause, stop)
        return False

    def keep(self, stop: threading.Event) -> None:
        """Renews until `stop` is set; returns earlier if the lease is lost."""
        while not stop.wait(self._timing.renew):
            if not self._renew() and not self.leads:
                return

    def release(self) -> None:
        """Lets another take over at once. Called when nothing is being done any more."""
        if not self.leads:
            return
        self._holds(None, {})
        found = self._api.request("GET", self._path, patience=1)
        if found.ok and _holder(found.body) == self._identity:
            self._put(found.body, holder="", duration=1)

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self._metadata['name']}"

    def _try(self) -> float | None:
        """One attempt; None if it succeeded, else the seconds until the next one."""
        begun = self._monotonic()
        try:
            found = self._api.request("GET", self._path, patience=self._timing.trusted)
            if found.status == 404:
                answer = self._create()
            else:
                if not found.ok:
                    raise found.refused("the operator's lease")
                pause = self._occupied(found.body)
                if pause is not None:
                    return pause
                answer = self._put(found.body, holder=self._identity)
        except KubernetesUnreachable:
            return self._timing.renew
        if answer.status == 409:
            return self._timing.renew
        if not answer.ok:
            raise answer.refused("the operator's lease")
        self._holds(begun, answer.body)
        return None

    def _occupied(self, lease: Mapping[str, Any]) -> float | None:
        """Seconds for which another surely holds it; None if it is free."""
        spec = lease.get("spec") or {}
        if _holder(lease) in ("", self._identity):
            return None
        version = str(lease["metadata"].get("resourceVersion"))
        now = self._monotonic()
        if self._seen[0] != version:
            self._seen = (version, now)
        duration = float(spec.get("leaseDurationSeconds") or self._timing.duration)
        left = self._seen[1] + duration - now
        return left if left > 0 else None

    def _await_change(self, pause: float, stop: threading.Event) -> None:
        """Until somebody changes the lease, but not longer than that; ends soon after `stop`."""
        end = self._monotonic() + pause
        params = {
            "fieldSelector": f"metadata.name={self._metadata['name']}",
            "timeoutSeconds": "1",
        }
        while not stop.is_set() and self._monotonic() < end:
            begun = self._monotonic()
            # The first event says how it is now.
            for event in self._api.watch(self._collection, params):
                version = str(event["object"]["metadata"].get("resourceVersion"))
                if version != self._seen[0]:
                    return
            # A server that does not keep a watch open must not be asked without a pause.
            stop.wait(max(0.0, min(1.0, end - begun) - (self._monotonic() - begun)))

    def _renew(self) -> bool:
        """Whether it could be renewed: on the version that we wrote last, so that nobody else can
        have had it meanwhile.
        """
        begun = self._monotonic()
        if not self._lease:
            return False  # lost
        try:
            answer = self._put(self._lease, holder=self._identity)
            if answer.status == 409:
                found = self._api.request("GET", self._path, patience=0)
                if not found.ok or _holder(found.body) != self._identity:
                    self._holds(None, {})
                    return False
                # Changed, but not its holder.
                answer = self._put(found.body, holder=self._identity)
        except LabError:
            return False
        if answer.ok:
            self._holds(begun, answer.body)
        return answer.ok

    def _holds(self, since: float | None, lease: dict[str, Any]) -> None:
        with self._renewed:
            self._held_since, self._lease = since, lease
            self._renewed.notify_all()

    def _create(self) -> Answer:
        spec = self._spec(self._identity, self._timing.duration, transitions=0)
        lease = {**_KIND, "metadata": self._metadata, "spec": spec}
        return self._api.request("POST", self._collection, body=lease, patience=1)

    def _put(self, lease: Mapping[str, Any], *, holder: str, duration: int | None = None) -> Answer:
        """Changes the lease as it was read: if somebody else did meanwhile, it is refused."""
        before = lease.get("spec") or {}
        changed = holder != _holder(lease)
        transitions = int(before.get("leaseTransitions") or 0) + (1 if changed and holder else 0)
        spec = self._spec(holder, duration or self._timing.duration, transitions)
        if not changed and before.get("acquireTime"):
            spec["acquireTime"] = before["acquireTime"]
        body = {**_KIND, "metadata": lease["metadata"], "spec": spec}
        return self._api.request("PUT", self._path, body=body, patience=1)

    def _spec(self, holder: str, duration: int, transitions: int) -> dict[str, Any]:
        now = self._now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration,
            "leaseTransitions": transitions,
            "acquireTime": now,
            "renewTime": now,
        }


def _holder(lease: Mapping[str, Any]) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")
