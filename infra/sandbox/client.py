"""What people do with sandboxes, over the API: ask, approve, renew, suspend, destroy, wait.

Each change says only what its author adds (a JSON patch, or a merge of one field), so that what
others say at the same time is kept; the API server decides who may say what.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.config import SandboxService
from infra.errors import LabError, RenewalUnknown, SandboxOver, WaitedTooLong
from infra.kubernetes.client import Answer, Api
from infra.sandbox.refusals import Refusals
from infra.sandbox.resource import API_VERSION, KIND, PATH, Phase, Renewal, Sandbox

_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
#: Seconds that one watch lasts at most; less than a client waits for an answer.
_WATCH = 20
#: It has ended, or is about to.
OVER = frozenset({Phase.EXPIRING, Phase.DESTROYED, Phase.REJECTED, Phase.FAILED})

#: Says whether what is waited for is there; None: the sandbox is gone.
Until = Callable[[Sandbox | None], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; what is None is left to the lab's defaults."""

    name: str
    purpose: str
    ttl: str
    classification: str | None = None
    profile: str | None = None
    egress: tuple[Mapping[str, Any], ...] = ()
    images: tuple[str, ...] = ()
    retention_days: int | None = None
    #: Euro.
    budget: str | None = None

    def manifest(self, requester: str) -> dict[str, Any]:
        """As the API wants it."""
        days = self.retention_days
        spec = {
            "purpose": self.purpose,
            "requester": requester,
            "ttl": self.ttl,
            "classification": self.classification,
            "profile": self.profile,
            "budget": self.budget,
            "egress": [dict(rule) for rule in self.egress] or None,
            "images": list(self.images) or None,
            "evidence": None if days is None else {"retentionDays": days},
        }
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": self.name},
            "spec": {key: value for key, value in spec.items() if value is not None},
        }


class SandboxClient:
    """One person at one API server."""

    def __init__(self, api: Api, service: SandboxService | None = None) -> None:
        """`service` is what the lab's configuration says, for better errors."""
        self.api = api
        self.refusals = Refusals(service)

    @cached_property
    def me(self) -> str:
        """Who asks, as the API server knows him.

        Raises:
            KubernetesRefused, KubernetesUnreachable
        """
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self.api.request("POST", _WHO, body=body)
        if not answer.ok:
            raise answer.refused("who asks")
        return str(answer.body["status"]["userInfo"]["username"])

    def request(self, asked: Asked) -> Sandbox:
        """Asks for a sandbox.

        Raises:
            SandboxNameTaken, ProfileUnknown, LifeTooLong, RequestImpossible, NotARequester,
            SandboxServiceMissing, KubernetesUnreachable
        """
        manifest = asked.manifest(self.me)
        answer = self.api.request("POST", PATH, body=manifest)
        if not answer.ok:
            raise self.refusals.request(answer, manifest, self.me)
        return Sandbox.of(answer.body)

    def all(self) -> list[Sandbox]:
        """Every sandbox, in the order of their names.

        Raises:
            NoSandboxRole, SandboxServiceMissing, KubernetesUnreachable
        """
        answer = self.api.request("GET", PATH)
        if not answer.ok:
            raise self.refusals.reading(answer, self.me)
        return [Sandbox.of(one) for one in answer.body["items"]]

    def get(self, name: str) -> Sandbox:
        """One of them.

        Raises:
            SandboxNotFound, and what `all` raises
        """
        answer = self.api.request("GET", f"{PATH}/{name}")
        if not answer.ok:
            raise self.refusals.reading(answer, self.me, name)
        return Sandbox.of(answer.body)

    def approve(self, name: str) -> Sandbox:
        """Says yes to a request; saying it again changes nothing.

        Raises:
            OwnRequest, NotAnApprover, SandboxOver, SandboxNotFound
        """
        sandbox = self.get(name)
        if any(one.by == self.me for one in sandbox.spec.approvals):
            return sandbox
        step = {"op": "add", "path": "/spec/approvals/-", "value": {"by": self.me}}
        return self._changed(sandbox, [step], self.refusals.approval)

    def approve_renewal(self, name: str, renewal: str | None = None) -> Sandbox:
        """Says yes to more time: the renewal of this name, or the only one that waits.

        Raises:
            RenewalUnknown, and what `approve` raises
        """
        sandbox = self.get(name)
        number, wanted = self._renewal(sandbox, renewal)
        if any(one.by == self.me for one in wanted.approvals):
            return sandbox
        path = f"/spec/renewals/{number}"
        steps: list[dict[str, Any]] = [
            {"op": "test", "path": f"{path}/name", "value": wanted.name},
            {"op": "add", "path": f"{path}/approvals/-", "value": {"by": self.me}},
        ]
        return self._changed(sandbox, steps, self.refusals.approval)

    def reject(self, name: str, reason: str) -> Sandbox:
        """Says no to a request, for good.

        Raises:
            SandboxOver: somebody has rejected it already. And what `approve` raises.
        """
        sandbox = self.get(name)
        if sandbox.spec.rejection is not None:
            raise self.refusals.rejected(sandbox)
        verdict = {"by": self.me, "reason": reason}
        return self._merged(sandbox, {"rejection": verdict}, self.refusals.approval)

    def renew(self, name: str, extend: str, reason: str) -> tuple[Sandbox, str]:
        """Asks for more time; the name of the renewal comes second.

        Raises:
            NotTheRequester, LifeTooLong, RequestImpossible, SandboxOver, SandboxNotFound
        """
        sandbox = self.get(name)
        self._must_go_on(sandbox)
        renewal = f"renewal-{len(sandbox.spec.renewals) + 1}"
        value = {"name": renewal, "extend": extend, "reason": reason}
        step = {"op": "add", "path": "/spec/renewals/-", "value": value}

        def refused(answer: Answer, sandbox: Sandbox, me: str) -> LabError:
            return self.refusals.renewal(answer, sandbox, extend, me)

        return self._changed(sandbox, [step], refused), renewal

    def suspend(self, name: str, reason: str) -> Sandbox:
        """Lets nobody in any more, and loses nothing.

        Raises:
            NotAnOfficer, SandboxOver, SandboxNotFound
        """
        sandbox = self.get(name)
        self._must_go_on(sandbox)
        verdict = {"by": self.me, "reason": reason}
        return self._merged(sandbox, {"suspension": verdict}, self.refusals.suspension)

    def resume(self, name: str) -> Sandbox:
        """Takes a suspension back. Raises as `suspend` does."""
        sandbox = self.get(name)
        self._must_go_on(sandbox)
        return self._merged(sandbox, {"suspension": None}, self.refusals.suspension)

    def destroy(self, name: str, *, dry_run: bool = False) -> Sandbox:
        """Destroys it, or (`dry_run`) only says whether one may; the sandbox as it was.

        Raises:
            NotTheRequester, SandboxNotFound
        """
        sandbox = self.get(name)
        options: dict[str, Any] = {"preconditions": {"uid": sandbox.uid}}
        if dry_run:
            # Beside a body the API server does not look at the query, and would really delete.
            options["dryRun"] = ["All"]
        answer = self.api.request("DELETE", f"{PATH}/{name}", body=options)
        if not answer.ok:
            raise self.refusals.destruction(answer, sandbox, self.me)
        return sandbox

    def wait(
        self,
        name: str,
        until: Until,
        *,
        seconds: float,
        seen: Callable[[Sandbox], None] = lambda _: None,
    ) -> Sandbox | None:
        """Waits for something to become of a sandbox; it is told of every change.

        Args:
            name: of the sandbox.
            until: what is waited for.
            seconds: to wait at most.
            seen: is told the sandbox as it is now, and after each change.

        Raises:
            WaitedTooLong, and what `until` and `all` raise
        """
        end = time.monotonic() + seconds
        here = {"fieldSelector": f"metadata.name={name}"}
        while True:
            answer = self.api.request("GET", PATH, params=here)
            if not answer.ok:
                raise self.refusals.reading(answer, self.me)
            found = [Sandbox.of(one) for one in answer.body["items"]]
            now = found[0] if found else None
            if now is not None:
                seen(now)
            left = end - time.monotonic()
            if until(now):
                return now
            if left <= 0:
                raise self._too_long(name, now)
            params = {
                **here,
                "resourceVersion": str(answer.body["metadata"]["resourceVersion"]),
                "timeoutSeconds": str(math.ceil(min(left, _WATCH))),
            }
            for event in self.api.watch(PATH, params):
                now = None if event["type"] == "DELETED" else Sandbox.of(event["object"])
                if now is not None:
                    seen(now)
                if until(now):
                    return now

    def is_ready(self, sandbox: Sandbox | None) -> bool:
        """Whether somebody is let in; for `wait`.

        Raises:
            SandboxOver: that will never be.
        """
        if sandbox is None:
            raise SandboxOver("the sandbox is gone.", next_step="ask for another one.")
        self._must_go_on(sandbox)
        return sandbox.status.phase is Phase.READY

    def is_renewed(self, renewal: str) -> Until:
        """Whether a renewal counts; for `wait`. Raises SandboxOver as `is_ready` does."""

        def until(sandbox: Sandbox | None) -> bool:
            self.is_ready(sandbox)
            return sandbox is not None and renewal in sandbox.status.renewed

        return until

    def is_suspended(self, sandbox: Sandbox | None) -> bool:
        """Whether nobody is in; for `wait`. Raises SandboxOver as `is_ready` does."""
        self.is_ready(sandbox)
        inside = (Phase.PROVISIONING, Phase.READY)
        return sandbox is not None and sandbox.status.phase not in inside

    def is_gone(self, uid: str) -> Until:
        """Whether this sandbox, and not another one of its name, is gone; for `wait`."""

        def until(sandbox: Sandbox | None) -> bool:
            return sandbox is None or sandbox.uid != uid

        return until

    def _must_go_on(self, sandbox: Sandbox) -> None:
        if sandbox.spec.rejection is not None:
            raise self.refusals.rejected(sandbox)
        if sandbox.deleted_at is not None or sandbox.status.phase in OVER:
            raise SandboxOver(
                f"{sandbox.name} is {over(sandbox)}.",
                next_step="ask for another one: `./lab sandbox request`.",
            )

    def _renewal(self, sandbox: Sandbox, name: str | None) -> tuple[int, Renewal]:
        numbered = list(enumerate(sandbox.spec.renewals))
        if name is None:
            fitting = [one for one in numbered if one[1].name not in sandbox.status.renewed]
        else:
            fitting = [one for one in numbered if one[1].name == name]
        if len(fitting) == 1:
            return fitting[0]
        waiting = ", ".join(one.name for _, one in fitting or numbered) or "none"
        raise RenewalUnknown(
            f"{sandbox.name} has no renewal {name}."
            if name
            else f"{len(fitting)} renewals of {sandbox.name} wait for approval.",
            next_step=f"name one with --renewal; there are: {waiting}.",
        )

    def _too_long(self, name: str, now: Sandbox | None) -> WaitedTooLong:
        phase = now.status.phase if now else "gone"
        return WaitedTooLong(
            f"sandbox {name} is {phase}, and the time to wait is over.",
            next_step=f"`./lab sandbox show {name} --wait` goes on waiting; nothing is lost.",
        )

    def _changed(
        self,
        sandbox: Sandbox,
        steps: list[dict[str, Any]],
        refused: Callable[[Answer, Sandbox, str], LabError],
    ) -> Sandbox:
        return self._written(sandbox, steps, _JSON_PATCH, refused)

    def _merged(
        self,
        sandbox: Sandbox,
        spec: dict[str, Any],
        refused: Callable[[Answer, Sandbox, str], LabError],
    ) -> Sandbox:
        return self._written(sandbox, {"spec": spec}, _MERGE, refused)

    def _written(
        self,
        sandbox: Sandbox,
        body: Any,
        content_type: str,
        refused: Callable[[Answer, Sandbox, str], LabError],
    ) -> Sandbox:
        answer = self.api.request(
            "PATCH", f"{PATH}/{sandbox.name}", body=body, content_type=content_type
        )
        if not answer.ok:
            raise refused(answer, sandbox, self.me)
        return Sandbox.of(answer.body)


def over(sandbox: Sandbox) -> str:
    """What has become of a sandbox that has ended, or is about to, in words."""
    if sandbox.status.phase is Phase.FAILED:
        return ": ".join(["failed", *said(sandbox)[-1:]])
    if sandbox.status.phase is Phase.DESTROYED:
        return "destroyed"
    return "being destroyed"


def said(sandbox: Sandbox) -> list[str]:
    """What the operator says to people."""
    return [one.message for one in sandbox.status.conditions if one.message]
