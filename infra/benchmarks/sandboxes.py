"""Measures sandboxes that people ask for, on a running lab: how long people wait, from outside.

Everything is what a client sees: the time from when the API server was told to when a watch shows
what came of it. Requests and approvals are made by impersonating two users of the configuration.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from infra import naming
from infra.benchmarks.distribution import distribution, slope
from infra.benchmarks.observer import GONE, NOTED, STAGES, Observer
from infra.errors import BenchmarkInvalid, LabError
from infra.kubernetes.client import Api
from infra.operator.drawing import ANNOTATION_POOL_READY
from infra.operator.life import Done
from infra.sandbox.client import Asked, SandboxClient
from infra.sandbox.resource import PATH, Phase

#: Upper limits on two cores: (what, which figure) -> seconds.
LIMITS = {
    ("warm", "p50"): 0.25,
    ("warm", "p95"): 0.6,
    ("cold", "p50"): 1.5,
    ("cold", "p95"): 3.0,
    ("concurrent", "all"): 15.0,
    ("destroy", "p95"): 0.5,
    ("namespace_gone", "p95"): 7.0,
}
#: Bytes that a sandbox may cost while nothing happens in it.
IDLE_LIMIT = 3 * 1024**2
_PURPOSE = "lab bench sandbox measures how long this takes"
#: People who ask and approve at the same time.
_PEOPLE = 10
#: Seconds after which a benchmark gives up: far beyond every limit.
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `steps`: numbers of idle sandboxes for the slope, ascending; beside
    each, so many `samples` are made one after the other.
    """

    warm_profile: str
    cold_profile: str
    runs: int = 30
    concurrent: int = 100
    steps: tuple[int, ...] = (10, 100, 300)
    samples: int = 10


@dataclass
class Bench:
    """`memory` says how many bytes the whole lab takes now."""

    requester: SandboxClient
    approver: SandboxClient
    #: The administrator, who looks at the pool.
    api: Api
    observer: Observer
    memory: Callable[[], int]
    report: Callable[[str], None]
    prefix: str = field(default_factory=lambda: f"bench-{secrets.token_hex(3)}")
    _count: int = 0
    _alive: set[str] = field(default_factory=set)

    def run(self, plan: Plan) -> dict[str, Any]:
        """The document of `lab bench sandbox --json`; what was made for it is destroyed.

        Raises:
            BenchmarkInvalid: a sandbox failed, or took longer than anybody would wait.
        """
        try:
            document = self._measured(plan)
        finally:
            self._clear()
        return document

    def _measured(self, plan: Plan) -> dict[str, Any]:
        self.report(f"{plan.runs} sandboxes from the pool, one after the other")
        warm = self._one_by_one(plan.warm_profile, plan.runs, warm=True)
        self._tell("warm", list(warm.values()))
        self.report(f"{plan.runs} sandboxes made from nothing, one after the other")
        cold = self._one_by_one(plan.cold_profile, plan.runs, warm=False)
        self._tell("cold", list(cold.values()))
        stages = {
            stage: distribution([self._between(name, *marks) for name in cold])
            for stage, marks in STAGES.items()
        }
        self._clear(warm)
        self.report(f"destroying {plan.runs} sandboxes, one after the other")
        destroyed = [self._destroy(name) for name in cold]
        self._tell("nobody gets in, and the key is gone", [one["closed"] for one in destroyed])
        document: dict[str, Any] = {
            "warm": distribution(list(warm.values())),
            "cold": {**distribution(list(cold.values())), "stages": stages},
            "destroy": distribution([one["closed"] for one in destroyed]),
            "namespace_gone": distribution([one["namespace"] for one in destroyed]),
            "certified": distribution([one["certified"] for one in destroyed]),
        }
        if plan.concurrent:
            self.report(f"{plan.concurrent} at once")
            document["concurrent"] = self._concurrent(plan)
        if plan.steps:
            document |= self._slope(plan)
        return document

    def _one_by_one(self, profile: str, runs: int, *, warm: bool) -> dict[str, float]:
        """Seconds from approval to Ready, by name."""
        found = {}
        for _ in range(runs):
            if warm:
                self._pool_filled(profile)
            [name] = self._requested(profile, 1)
            begun = self._approve(name)
            self.observer.until([name], Phase.READY, within=_PATIENCE)
            if self.observer.latest(name).status.warm is not warm:
                raise BenchmarkInvalid(
                    f"{name} of profile {profile} came {'not ' if warm else ''}from the pool.",
                    next_step="let nobody else use the lab meanwhile, and run it again.",
                )
            found[name] = self.observer.at(name, Phase.READY) - begun
        return found

    def _concurrent(self, plan: Plan) -> dict[str, Any]:
        """All approved at once. `all`: seconds until the last one is Ready."""
        self._pool_filled(plan.warm_profile)
        names = self._requested(plan.warm_profile, plan.concurrent)
        begun = time.monotonic()
        with ThreadPoolExecutor(_PEOPLE) as people:
            approved = dict(zip(names, people.map(self._approve, names), strict=True))
        self.observer.until(names, Phase.READY, within=_PATIENCE)
        last = max(self.observer.at(name, Phase.READY) for name in names)
        statuses = [self.observer.latest(name).status for name in names]
        identities = {status.identity for status in statuses}
        document = {
            **distribution([self.observer.at(one, Phase.READY) - approved[one] for one in names]),
            "all": round(last - begun, 3),
            "warm": sum(status.warm for status in statuses),
            "distinct": len(identities),
            "enforced": sum(map(self._enforced, [str(one.namespace) for one in statuses])),
        }
        self.report(f"  the last was Ready after {document['all']:.1f} s")
        self._clear()
        return document

    def _slope(self, plan: Plan) -> dict[str, Any]:
        """What each sandbox that is there costs, in seconds for the next one and in bytes."""
        empty = self.memory()
        rows: list[dict[str, Any]] = []
        for step in plan.steps:
            self.report(f"up to {step} idle sandboxes")
            self._fill(plan.cold_profile, step)
            memory = self.memory()
            cold = self._one_by_one(plan.cold_profile, plan.samples, warm=False)
            self._tell(f"cold beside {step}", list(cold.values()))
            rows.append(
                {"sandboxes": step, "memory_bytes": memory, **distribution(list(cold.values()))}
            )
            self._clear(cold)
        counts = [row["sandboxes"] for row in rows]
        document: dict[str, Any] = {"slope": {"steps": rows}}
        if len(rows) > 1:
            medians = [row["p50"] for row in rows]
            document["slope"]["seconds_per_sandbox"] = round(slope(counts, medians), 6)
        memories = [empty, *(row["memory_bytes"] for row in rows)]
        document["idle_bytes"] = int(slope([0, *counts], memories))
        self._clear()
        return document

    def _tell(self, what: str, seconds: Sequence[float]) -> None:
        """What was found so far: who stops it, loses nothing."""
        found = distribution(seconds)
        self.report(f"  {what}: p50 {found['p50']:.2f} s, p95 {found['p95']:.2f} s")

    def _fill(self, profile: str, count: int) -> None:
        while (missing := count - len(self._alive)) > 0:
            names = self._requested(profile, min(missing, _PEOPLE))
            with ThreadPoolExecutor(_PEOPLE) as people:
                list(people.map(self._approve, names))
            self.observer.until(names, Phase.READY, within=_PATIENCE)

    def _requested(self, profile: str, count: int) -> list[str]:
        """Asked for, and seen by the operator; nobody has approved them."""
        names = [f"{self.prefix}-{self._count + number}" for number in range(count)]
        self._count += count
        self._alive |= set(names)

        def ask(name: str) -> None:
            self.requester.request(Asked(name, _PURPOSE, "2h", profile=profile))

        with ThreadPoolExecutor(_PEOPLE) as people:
            list(people.map(ask, names))
        self.observer.until(names, NOTED, within=_PATIENCE)
        return names

    def _approve(self, name: str) -> float:
        """When that was asked for, by `time.monotonic`."""
        begun = time.monotonic()
        self.approver.approve(name)
        return begun

    def _destroy(self, name: str) -> dict[str, float]:
        """Seconds until nobody gets in and the key is gone, the namespace is, and all is proven."""
        begun = time.monotonic()
        self.requester.destroy(name)
        self.observer.until([name], GONE, within=_PATIENCE)
        self._alive.discard(name)
        return {
            "closed": self.observer.at(name, Done.KEY_DESTROYED) - begun,
            "namespace": self.observer.at(name, Done.NAMESPACE_GONE) - begun,
            "certified": self.observer.at(name, GONE) - begun,
        }

    def _clear(self, chosen: Iterable[str] | None = None) -> None:
        """Destroys these, or all; what cannot be destroyed any more is gone already."""
        names = sorted(self._alive if chosen is None else chosen)
        if not names:
            return
        self.report(f"destroying {len(names)} sandboxes")
        with ThreadPoolExecutor(_PEOPLE) as people:
            faults = [fault for fault in people.map(self._given_up, names) if fault]
        if faults:
            raise faults[0]
        self.observer.until(names, GONE, within=10 * _PATIENCE)
        self._alive -= set(names)

    def _given_up(self, name: str) -> LabError | None:
        answer = self.requester.api.request("DELETE", f"{PATH}/{name}")
        return None if answer.ok or answer.status == 404 else answer.refused(name)

    def _between(self, name: str, first: str, then: str) -> float:
        return max(0.0, self.observer.at(name, then) - self.observer.at(name, first))

    def _pool_filled(self, profile: str) -> None:
        """Waits until somebody could get a sandbox of the pool."""
        end = time.monotonic() + _PATIENCE
        params = {"labelSelector": f"{naming.LABEL_POOL}={profile}"}
        while True:
            answer = self.api.request("GET", "/api/v1/namespaces", params=params)
            if not answer.ok:
                raise answer.refused("the pool")
            if any(map(_handed_out, answer.body["items"])):
                return
            if time.monotonic() > end:
                raise BenchmarkInvalid(
                    f"the pool of {profile} stays empty.",
                    next_step="see the operator's log; sandbox_service.pool says its size.",
                )
            version = str(answer.body["metadata"]["resourceVersion"])
            changes = self.api.watch(
                "/api/v1/namespaces", {**params, "resourceVersion": version, "timeoutSeconds": "5"}
            )
            # Until one of them becomes ready, or the watch ends.
            next((event for event in changes if _handed_out(event["object"])), None)
            changes.close()

    def _enforced(self, namespace: str) -> bool:
        """Whether walls and limits are there."""
        paths = (
            f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/default-deny",
            f"/api/v1/namespaces/{namespace}/resourcequotas/sandbox",
        )
        return all(self.api.request("GET", path).ok for path in paths)


def _handed_out(namespace: dict[str, Any]) -> bool:
    """Whether this member of the pool can be."""
    metadata = namespace["metadata"]
    ready = (metadata.get("annotations") or {}).get(ANNOTATION_POOL_READY) == "true"
    return ready and not metadata.get("deletionTimestamp")


def within_limits(document: dict[str, Any]) -> bool:
    """Whether everything that was measured keeps its limit."""
    figures = all(
        document[what][figure] <= limit
        for (what, figure), limit in LIMITS.items()
        if what in document
    )
    return figures and document.get("idle_bytes", 0) <= IDLE_LIMIT


def table(document: dict[str, Any]) -> str:
    """The document as a markdown table with the limit beside each measure."""
    lines = ["| seconds | p50 | p95 | n | limits |", "|---|---:|---:|---:|---|"]
    for what in ("warm", "cold", "concurrent", "destroy", "namespace_gone", "certified"):
        if what in document:
            lines.append(_row(what, document[what]))
    lines += [_row(f"cold: {name}", one) for name, one in document["cold"]["stages"].items()]
    for row in document.get("slope", {}).get("steps", []):
        lines.append(_row(f"cold beside {row['sandboxes']} idle ones", row))
    if "concurrent" in document:
        one = document["concurrent"]
        lines.append(
            f"\nAll {one['n']} at once: {one['all']:.1f} s, {one['distinct']} different, "
            f"{one['enforced']} with walls and limits, {one['warm']} from the pool."
        )
    if "idle_bytes" in document:
        lines.append(
            f"\nAn idle sandbox takes {document['idle_bytes'] / 2**20:.2f} MiB "
            f"(limit {IDLE_LIMIT / 2**20:.0f})."
        )
    return "\n".join(lines)


def _row(name: str, figures: dict[str, Any]) -> str:
    limits = ", ".join(
        f"{figure} {limit:g} s" for (what, figure), limit in LIMITS.items() if what == name
    )
    return f"| {name} | {figures['p50']:.2f} | {figures['p95']:.2f} | {figures['n']} | {limits} |"


def profiles(pool: dict[str, int], known: Iterable[str]) -> tuple[str, str]:
    """A profile that has a pool, and one that has none.

    Raises:
        BenchmarkInvalid: the lab has not both.
    """
    names: Sequence[str] = list(known)
    warm = next((name for name in names if pool.get(name)), None)
    cold = next((name for name in names if not pool.get(name)), None)
    if warm is None or cold is None:
        raise BenchmarkInvalid(
            f"of the profiles {', '.join(names)} one must have a pool, and one must have none.",
            next_step="add such a profile to sandbox_service (profiles, pool), and `./lab up`.",
        )
    return warm, cold
