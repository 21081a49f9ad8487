"""The operator's evidence: one log a sandbox, one record a step, whoever repeats the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from infra import naming
from infra.errors import CertificateRefused
from infra.evidence import canonical
from infra.evidence.log import CERTIFY, EvidenceLog
from infra.evidence.records import Actor, ActorKind, Event, Record, Subject, digest
from infra.evidence.store import Store
from infra.evidence.sweep import CompleteSweep, Sweep
from infra.sandbox.resource import Sandbox

OPERATOR = Actor(kind=ActorKind.OPERATOR, principal=naming.OPERATOR)

Details = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Journal:
    """Every method raises what `EvidenceLog.record` raises. All may be repeated."""

    lab: str
    log: EvidenceLog
    store: Store

    def note(
        self,
        sandbox: Sandbox,
        event: Event,
        key: str,
        details: Details | None = None,
        *,
        by: str | None = None,
    ) -> str:
        """Records a step under its key; its digest. `by` is a person, None the operator."""
        actor = OPERATOR if by is None else person(by)
        return self.log.record(self.subject(sandbox), event, actor, key, details).digest

    def swept(self, sandbox: Sandbox, sweep: Sweep) -> str:
        """Records what a sweep found. Each sweep is a record of its own."""
        last = self.last(sandbox)
        key = f"sweep/{0 if last is None else last.sequence + 1}"
        return self.note(sandbox, Event.SWEPT, key, sweep.details())

    def complete_sweep(self, sandbox: Sandbox) -> bool:
        """Whether the last thing in the log is a sweep that found nothing: then it need not be
        repeated, because nothing was done since.
        """
        last = self.last(sandbox)
        if last is None or last.event is not Event.SWEPT:
            return False
        try:
            CompleteSweep(Sweep.model_validate_json(canonical.dumps(last.details)))
        except CertificateRefused:
            return False
        return True

    def certified(self, sandbox: Sandbox) -> bool:
        return self.store.find(sandbox.uid, CERTIFY) is not None

    def certify(self, sandbox: Sandbox) -> str:
        """Issues the certificate, once; its digest.

        Raises:
            CertificateRefused: the log does not prove a deletion.
        """
        return digest(self.log.certify(self.subject(sandbox), OPERATOR).line)

    def last(self, sandbox: Sandbox) -> Record | None:
        entry = self.store.last(sandbox.uid)
        return None if entry is None else entry.record

    def subject(self, sandbox: Sandbox) -> Subject:
        return Subject(lab=self.lab, sandbox=sandbox.name, uid=sandbox.uid)


def person(name: str) -> Actor:
    """A person, spelt so that no terminal takes the name for a command."""
    plain = name.encode("unicode_escape").decode()
    return Actor(kind=ActorKind.PERSON, principal=plain[:256])
