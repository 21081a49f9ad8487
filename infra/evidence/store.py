"""Where logs are kept: outside the sandboxes, in PostgreSQL, or in SQLite where there is none.

A store keeps envelopes and looks at their order, never at what they say or who signed: whoever
can write it can spoil it, and verifying finds that. The database itself refuses what would break
a log (a gap, a fork, a step twice, a change, a removal), so that no program of ours can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infra.errors import EvidenceConflict
from infra.evidence.dsse import Envelope
from infra.evidence.records import BEGINNING, Record, Subject, digest


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a record in its envelope, and what a database must know of it."""

    subject: Subject
    sequence: int
    digest: str
    previous: str
    idempotency_key: str
    #: The envelope's line.
    envelope: bytes

    @classmethod
    def of(cls, record: Record, envelope: Envelope) -> Entry:
        """`envelope` must hold `record`."""
        return cls(
            record.subject,
            record.sequence,
            digest(envelope.payload),
            record.previous,
            record.idempotency_key,
            envelope.line,
        )

    @property
    def record(self) -> Record:
        """What is in the envelope, as far as it is a record: signatures are not looked at.

        Raises:
            ValueError: it is none; somebody has changed the store.
        """
        return Record.parse(Envelope.parse(self.envelope).payload)


@dataclass(frozen=True, slots=True)
class Log:
    """One sandbox's log in a list."""

    subject: Subject
    records: int
    #: Digest of the last record.
    head: str


class Store(Protocol):
    """Append only. Every method raises EvidenceUnavailable where the database does not answer;
    then nothing is known about an append, and it may be repeated.
    """

    def append(self, entry: Entry) -> Entry:
        """Adds a record and returns once it is on disk; what is in the log under its step's key.

        That is another entry if the step was recorded already: then nothing was added.

        Raises:
            EvidenceConflict: its place is taken, or it does not follow from the last record.
        """

    def last(self, uid: str) -> Entry | None:
        """The last entry of a log."""

    def find(self, uid: str, idempotency_key: str) -> Entry | None:
        """The entry of a step."""

    def read(self, uid: str) -> list[Entry]:
        """A whole log in order, as it was at one moment."""

    def logs(self) -> list[Log]:
        """Every log, by lab, sandbox and uid."""

    def keep(self, uid: str, content: bytes) -> str:
        """Keeps a document (a certificate) beside a log; its digest. May be repeated."""

    def kept(self, sha256: str) -> bytes | None:
        """A document, by its digest."""

    def close(self) -> None:
        """Lets the database go."""


def conflict(entry: Entry) -> EvidenceConflict:
    """The error of a record that cannot be at its place."""
    return EvidenceConflict(
        f"record {entry.sequence} of {entry.subject} cannot be appended: its place is taken, or "
        "the record that it follows is not there.",
        next_step="read the log's head and append to that; the operator does so by itself.",
    )


#: Of records, the same in every database. A record refers to the one before it in the same log,
#: so that the database itself refuses gaps, forks and a change of the sandbox's name.
COLUMNS = (
    "uid", "lab", "sandbox", "sequence", "digest", "previous_sequence", "previous",
    "idempotency_key", "envelope",
)  # fmt: skip


def row(entry: Entry) -> tuple[str | int | None, ...]:
    """An entry's values for COLUMNS."""
    subject = entry.subject
    beginning = entry.sequence == 0 and entry.previous == BEGINNING
    return (
        subject.uid,
        subject.lab,
        subject.sandbox,
        entry.sequence,
        entry.digest,
        None if beginning else entry.sequence - 1,
        entry.previous,
        entry.idempotency_key,
        entry.envelope.decode(),
    )


def entry_of(values: tuple[str, str, str, int, str, int | None, str, str, str]) -> Entry:
    """The entry in a row of COLUMNS."""
    uid, lab, sandbox, sequence, sha256, _, previous, key, envelope = values
    # Not judged here: what somebody wrote into a database must still be exported as it is.
    subject = Subject.model_construct(lab=lab, sandbox=sandbox, uid=uid)
    return Entry(subject, sequence, sha256, previous, key, envelope.encode())
