"""Does one step of one sandbox: its effects and its evidence. The status is `transitions`' part.

What cannot be undone is recorded before it is done, and what was done afterwards; each record has
the key of its step, so that a step that is repeated is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from infra import naming
from infra.config import Quota
from infra.errors import ConfigError
from infra.evidence.records import Event, digest
from infra.operator import drawing, life
from infra.operator.cluster import Cluster
from infra.operator.destroy import Destroyer
from infra.operator.drawing import Drawing
from infra.operator.journal import Journal
from infra.operator.life import Act
from infra.operator.probe import Prober
from infra.operator.provision import Provisioner
from infra.operator.sweep import Sweeper
from infra.operator.transitions import Outcome
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.resource import PATH, Ending, Sandbox


@dataclass(frozen=True, slots=True)
class Claimed:
    """A sandbox that was made before it was asked for, and now is somebody's."""

    identity: str
    #: Ciphertext under its key, if that is known.
    sealed: str | None = None
    #: What its probe found, if that is known; else it is probed again.
    probed: Mapping[str, str] | None = None


class Pool(Protocol):
    """Sandboxes that are made before anybody asks."""

    def claimed(self, sandbox: Sandbox) -> Claimed | None:
        """The one that this sandbox has claimed already, before somebody was killed."""

    def claim(self, sandbox: Sandbox, draw: Callable[[str], Drawing]) -> Claimed | None:
        """Hands one out, for ever and to nobody else; None if there is none."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Everything that steps need. Methods raise LabError; a step may then be repeated."""

    cluster: Cluster
    facts: LabFacts
    quotas: Mapping[str, Quota]
    journal: Journal
    provisioner: Provisioner
    prober: Prober
    destroyer: Destroyer
    sweeper: Sweeper
    pool: Pool

    def do(self, sandbox: Sandbox, act: Act) -> Outcome:
        """Does the step, and says what the status must know of it."""
        return getattr(self, f"_{act.step}")(sandbox, act)  # type: ignore[no-any-return]

    def _adopt(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        self._finalizers(sandbox, (*sandbox.finalizers, naming.SANDBOX_FINALIZER))
        return Outcome()

    def _release(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        rest = tuple(one for one in sandbox.finalizers if one != naming.SANDBOX_FINALIZER)
        self._finalizers(sandbox, rest)
        return Outcome()

    def _forget(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        self.cluster.delete(f"{PATH}/{sandbox.name}", uid=sandbox.uid)
        return Outcome()

    def _note(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        head = self._asked(sandbox)
        for one in sandbox.spec.renewals:
            details = {"renewal": one.name, "extend": one.extend}
            key = f"renewal/{one.name}"
            requester = sandbox.spec.requester
            head = self._note_(sandbox, Event.RENEWAL_REQUESTED, key, details, by=requester)
        return _head(head)

    def _reject(self, sandbox: Sandbox, act: Act) -> Outcome:
        self._asked(sandbox)
        by = sandbox.spec.rejection.by if sandbox.spec.rejection else None
        details = {"reason_sha256": _sha256(act.because)}
        return _head(self._note_(sandbox, Event.REJECTED, "reject", details, by=by))

    def _refuse(self, sandbox: Sandbox, act: Act) -> Outcome:
        details = {"because": act.because[:200]}
        return _head(self._note_(sandbox, Event.FAILED, "refuse", details))

    def _withdraw(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        self._asked(sandbox)
        claimed = self.pool.claimed(sandbox)
        if claimed is not None:
            head = self._note_(sandbox, Event.EXPIRING, "end", {"because": "Deleted"})
            return _head(head, {"identity": claimed.identity, **_namespace(claimed.identity)})
        details: dict[str, JsonValue] = {"because": "Deleted", "made": False}
        return _head(self._note_(sandbox, Event.DESTROYED, "destroyed", details))

    def _approve(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        return _head(self._asked(sandbox))

    def _identify(self, sandbox: Sandbox, act: Act) -> Outcome:
        """Whatever is made from here on has this name: it is in the status before it is made."""
        del act
        quota = self.quotas[sandbox.spec.profile]

        def draw(identity: str) -> Drawing:
            return drawing.draw(sandbox, identity, quota, self.facts)

        new = drawing.new_identity()
        try:
            draw(new)
        except ConfigError as error:
            details: dict[str, JsonValue] = {"because": error.message[:200]}
            head = self._note_(sandbox, Event.FAILED, "refuse", details)
            return Outcome({"evidence_head": head}, failed=error.message)
        claimed = self.pool.claimed(sandbox) or self.pool.claim(sandbox, draw) or Claimed(new)
        head = ""
        if claimed.probed is not None:
            probed: dict[str, JsonValue] = {"found": dict(claimed.probed), "warm": True}
            head = self._note_(sandbox, Event.PROBE_PASSED, "probe-passed", probed)
        fields: dict[str, Any] = {
            "identity": claimed.identity,
            "warm": claimed.probed is not None,
            "sealed": claimed.sealed,
            **_namespace(claimed.identity),
        }
        return _head(head, fields)

    def _provision(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        drawn = self._drawn(sandbox)
        details: dict[str, JsonValue] = {
            "identity": drawn.identity,
            "profile": sandbox.spec.profile,
            "warm": sandbox.status.warm,
        }
        head = self._note_(sandbox, Event.PROVISIONING, "provision", details)
        made = self.provisioner.build(drawn, sandbox.status.sealed)
        return _head(head, {"namespace_uid": made.namespace_uid, "sealed": made.sealed})

    def _probe(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        if sandbox.status.warm:
            # It was probed when it was made, and nobody could change its walls since.
            return Outcome()
        found = self.prober.look(self._name(sandbox))
        attempt = sandbox.status.attempts
        details: dict[str, JsonValue] = {"found": dict(found.found)}
        if found.isolated:
            return _head(self._note_(sandbox, Event.PROBE_PASSED, "probe-passed", details))
        details["faults"] = list(found.faults)
        key = f"probe-failed/{attempt}"
        head = self._note_(sandbox, Event.PROBE_FAILED, key, details)
        return Outcome({"evidence_head": head}, failed="; ".join(found.faults)[:500])

    def _admit(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        status = sandbox.status
        details: dict[str, JsonValue] = {
            "identity": status.identity,
            "expires_at": str(status.expires_at),
            **({} if status.budget is None else {"budget": status.budget}),
        }
        head = self._note_(sandbox, Event.READY, "ready", details)
        self.provisioner.admit(self._drawn(sandbox))
        return _head(head)

    def _renew(self, sandbox: Sandbox, act: Act) -> Outcome:
        head = ""
        for one in sandbox.spec.renewals:
            if one.name not in act.renewals:
                continue
            details: dict[str, JsonValue] = {"renewal": one.name, "extend": one.extend}
            key, asked = f"renewal/{one.name}", sandbox.spec.requester
            self._note_(sandbox, Event.RENEWAL_REQUESTED, key, details, by=asked)
            for by in life.approvers(asked, one.approvals):
                approved = f"{key}/approved/{_sha256(by)[:32]}"
                self._note_(sandbox, Event.RENEWAL_APPROVED, approved, details, by=by)
            head = self._note_(sandbox, Event.RENEWED, f"{key}/renewed", details)
        return _head(head)

    def _queue(self, sandbox: Sandbox, act: Act) -> Outcome:
        """Said in its status alone, as is a warning: neither is a step of its life."""
        del sandbox, act
        return Outcome()

    _warn = _queue

    def _suspend(self, sandbox: Sandbox, act: Act) -> Outcome:
        self.provisioner.close(self._drawn(sandbox))
        by = sandbox.spec.suspension.by if sandbox.spec.suspension else None
        details: dict[str, JsonValue] = {"reason_sha256": _sha256(act.because)}
        key = f"suspended/{sandbox.status.suspensions}"
        return _head(self._note_(sandbox, Event.SUSPENDED, key, details, by=by))

    def _resume(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        drawn = self._drawn(sandbox)
        key = f"resumed/{sandbox.status.suspensions}"
        head = self._note_(sandbox, Event.RESUMED, key)
        self.provisioner.reopen(drawn)
        self.provisioner.admit(drawn)
        return _head(head)

    def _end(self, sandbox: Sandbox, act: Act) -> Outcome:
        because = str(act.ending)
        if act.ending is Ending.PROVISIONING_FAILED:
            details: dict[str, JsonValue] = {"because": act.because[:200]}
            self._note_(sandbox, Event.FAILED, "failed", details)
        ended: dict[str, JsonValue] = {"because": because}
        if act.ending is Ending.OUT_OF_BUDGET:
            ended |= {"budget": sandbox.status.budget, "per_hour": sandbox.status.cost_per_hour}
        return _head(self._note_(sandbox, Event.EXPIRING, "end", ended))

    def _close(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        self.provisioner.shut(self._name(sandbox))
        details: dict[str, JsonValue] = {"identity": sandbox.status.identity}
        return _head(self._note_(sandbox, Event.ACCESS_REVOKED, "close", details))

    def _shred(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        proof = self.destroyer.shred(self._name(sandbox), sandbox.status.sealed)
        return _head(self._note_(sandbox, Event.KEY_DESTROYED, "shred", proof.details()))

    def _empty(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        emptied = self.destroyer.empty(self._name(sandbox), sandbox.status.namespace_uid)
        return _head(self._note_(sandbox, Event.VOLUMES_WIPED, "empty", emptied.details()))

    def _remove(self, sandbox: Sandbox, act: Act) -> Outcome:
        del act
        name = self._name(sandbox)
        self.destroyer.remove(name, sandbox.status.namespace_uid)
        details: dict[str, JsonValue] = {"namespace": name}
        return _head(self._note_(sandbox, Event.NAMESPACE_GONE, "remove", details))

    def _certify(self, sandbox: Sandbox, act: Act) -> Outcome:
        identity = sandbox.status.identity or ""
        certified = self.journal.certified(sandbox)
        if not certified and not self.journal.complete_sweep(sandbox):
            self.destroyer.forget(self._name(sandbox))
            self.journal.swept(sandbox, self.sweeper.sweep(identity))
        certificate = self.journal.certify(sandbox)
        details: dict[str, JsonValue] = {"because": str(act.ending), "made": True}
        head = self._note_(sandbox, Event.DESTROYED, "destroyed", details)
        return _head(head, {"certificate": certificate})

    def _asked(self, sandbox: Sandbox) -> str:
        """Records the request and every approval that counts so far."""
        spec = sandbox.spec
        details: dict[str, JsonValue] = {
            "classification": spec.classification,
            "profile": spec.profile,
            "ttl": spec.ttl,
            "purpose_sha256": _sha256(spec.purpose),
            "egress": [f"{one.cidr} {one.protocol}/{one.port}" for one in spec.egress],
            "images": list(spec.images),
            **({} if spec.budget is None else {"budget": spec.budget}),
        }
        head = self._note_(sandbox, Event.REQUESTED, "request", details, by=spec.requester)
        for by in life.approvers(spec.requester, spec.approvals):
            key = f"approved/{_sha256(by)[:32]}"
            head = self._note_(sandbox, Event.APPROVED, key, by=by)
        return head

    def _note_(
        self,
        sandbox: Sandbox,
        event: Event,
        key: str,
        details: Mapping[str, JsonValue] | None = None,
        *,
        by: str | None = None,
    ) -> str:
        return self.journal.note(sandbox, event, key, details, by=by)

    def _drawn(self, sandbox: Sandbox) -> Drawing:
        identity = sandbox.status.identity or ""
        quota = self.quotas.get(sandbox.spec.profile, Quota())
        return drawing.draw(sandbox, identity, quota, self.facts)

    def _name(self, sandbox: Sandbox) -> str:
        identity = sandbox.status.identity
        if not identity or not identity.startswith(naming.REQUESTED_PREFIX):
            # Somebody else wrote the status: nothing that is not ours is ever touched.
            raise ConfigError(
                f"the status of sandbox {sandbox.name} names {identity!r}, which is not one of "
                "this operator's.",
                next_step="look for who wrote it; then delete the sandbox's finalizer by hand.",
            )
        return naming.sandbox_namespace(identity)

    def _finalizers(self, sandbox: Sandbox, wanted: tuple[str, ...]) -> None:
        """Raises KubernetesRefused, also if the object has changed meanwhile."""
        metadata = {
            "finalizers": list(wanted),
            "uid": sandbox.uid,
            "resourceVersion": sandbox.resource_version,
        }
        answer = self.cluster.api.request(
            "PATCH",
            f"{PATH}/{sandbox.name}",
            body={"metadata": metadata},
            content_type="application/merge-patch+json",
        )
        if not answer.ok and answer.status not in (404, 409):
            raise answer.refused(f"Sandbox {sandbox.name}")


def _head(head: str, fields: Mapping[str, Any] | None = None) -> Outcome:
    return Outcome({**(fields or {}), **({"evidence_head": head} if head else {})})


def _namespace(identity: str) -> dict[str, str]:
    return {"namespace": naming.sandbox_namespace(identity)}


def _sha256(text: str) -> str:
    return digest(text.encode())
