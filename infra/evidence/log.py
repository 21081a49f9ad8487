"""Writes evidence: makes the next record, has it signed, and returns once it is stored.

A step that is repeated (its operator was killed) is recorded once: its key is looked for first,
and the store refuses a second one. Writers may race: who comes second reads the new head and
tries again, with a new signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from infra.errors import EvidenceConflict, EvidenceInvalid
from infra.evidence import certificate
from infra.evidence.chain import follow
from infra.evidence.dsse import Envelope, Signer, seal
from infra.evidence.faults import reason
from infra.evidence.records import RECORD_TYPE, Actor, Event, Record, Subject
from infra.evidence.store import Entry, Store

#: How often a writer that lost a race tries again; each time somebody else was faster.
ATTEMPTS = 50
#: The step of a log that issues its certificate.
CERTIFY = "certify"


def _now() -> datetime:
    return datetime.now(UTC)


class EvidenceLog:
    """The logs of all sandboxes of a lab. As safe to share among threads as its store."""

    def __init__(
        self, store: Store, signer: Signer, *, clock: Callable[[], datetime] = _now
    ) -> None:
        """`clock` gives the time of records, with its time zone."""
        self._store = store
        self._signer = signer
        self._clock = clock

    def record(
        self,
        subject: Subject,
        event: Event,
        actor: Actor,
        idempotency_key: str,
        details: Mapping[str, JsonValue] | None = None,
    ) -> Record:
        """Records a step; what is in the log for it, which is what was recorded first.

        Raises:
            EvidenceRefused: something cannot be recorded.
            EvidenceConflict: the key belongs to another event, the log is closed, or others were
                faster all the time.
            EvidenceInvalid: what is stored is no record; somebody has changed the store.
            EvidenceUnavailable: the store does not answer; the step may be repeated.
            VaultRefused, VaultUnreachable, VaultSealed, EvidenceKeyInvalid: it cannot be signed.
        """
        for _ in range(ATTEMPTS):
            there = self._store.find(subject.uid, idempotency_key)
            if there is not None:
                return _same(there, event)
            last = self._store.last(subject.uid)
            made = follow(
                subject,
                None if last is None else _read(last),
                time=self._clock(),
                event=event,
                actor=actor,
                idempotency_key=idempotency_key,
                details=details or {},
            )
            try:
                return _same(self._append(made), event)
            except EvidenceConflict:
                continue
        raise _lost(subject)

    def certify(self, subject: Subject, actor: Actor) -> Envelope:
        """Issues the deletion certificate, once: later calls give the same one.

        The certificate is stored before the record that names it, so that a log never promises
        one that is not there.

        Raises:
            CertificateRefused: the log does not prove a deletion.
            Otherwise as `record` does.
        """
        for _ in range(ATTEMPTS):
            there = self._store.find(subject.uid, CERTIFY)
            if there is not None:
                return self._certificate(_same(there, Event.CERTIFIED))
            records = [_read(entry) for entry in self._store.read(subject.uid)]
            now = self._clock()
            made = certificate.statement(records, now)
            envelope = seal(self._signer, certificate.STATEMENT_TYPE, made.canonical())
            kept = self._store.keep(subject.uid, envelope.line)
            following = follow(
                subject,
                records[-1],
                time=now,
                event=Event.CERTIFIED,
                actor=actor,
                idempotency_key=CERTIFY,
                details={certificate.DETAIL: kept},
            )
            try:
                return self._certificate(_same(self._append(following), Event.CERTIFIED))
            except EvidenceConflict:
                continue
        raise _lost(subject)

    def _append(self, record: Record) -> Entry:
        envelope = seal(self._signer, RECORD_TYPE, record.canonical())
        return self._store.append(Entry.of(record, envelope))

    def _certificate(self, certified: Record) -> Envelope:
        content = self._store.kept(str(certified.details.get(certificate.DETAIL)))
        if content is None:
            raise _invalid(f"the certificate of {certified.subject} is not in the store")
        try:
            return Envelope.parse(content)
        except ValueError as error:
            raise _invalid(f"the certificate of {certified.subject}: {reason(error)}") from error


def _read(entry: Entry) -> Record:
    try:
        return entry.record
    except ValueError as error:
        raise _invalid(f"record {entry.sequence} of {entry.subject}: {reason(error)}") from error


def _same(entry: Entry, event: Event) -> Record:
    """The record of a step, which must be of this event."""
    record = _read(entry)
    if record.event is not event:
        raise EvidenceConflict(
            f"the step {record.idempotency_key} of {record.subject} is recorded as "
            f"{record.event}, not as {event}.",
            next_step="give each step a key of its own.",
        )
    return record


def _lost(subject: Subject) -> EvidenceConflict:
    return EvidenceConflict(
        f"other writers were faster {ATTEMPTS} times in the log of {subject}.",
        next_step="repeat the step; if it goes on, look for a writer that runs in a loop.",
    )


def _invalid(what: str) -> EvidenceInvalid:
    return EvidenceInvalid(
        f"the evidence store does not hold what was put there: {what}.",
        next_step="export a bundle and verify it: it says what was changed. Then look for who can "
        "write the store.",
    )
