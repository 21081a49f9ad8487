"""The deletion certificate: an in-toto Statement v1 about one sandbox, in a signed envelope.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. A certificate is made from
the log alone, so that whoever has both can see that it says what the log says; and only from a
log whose last record is a complete sweep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from infra.errors import CertificateRefused
from infra.evidence import canonical
from infra.evidence.dsse import Envelope, Trust
from infra.evidence.faults import Fault, Kind, reason
from infra.evidence.keys import Keyring
from infra.evidence.limits import LIMITS, Limit
from infra.evidence.records import Digest, Document, Event, Moment, Record, Subject, digest
from infra.evidence.sweep import CompleteSweep, KeyProof, Place, Sweep

#: The payload's type of every in-toto attestation.
STATEMENT_TYPE = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
#: Names the predicate below, and no host: `.example` is nobody's (RFC 2606). docs/evidence.md
#: describes it; another form of the predicate gets another number.
PREDICATE: Final = "https://ai-lab.example/attestations/sandbox-deletion/v1"

#: Which record says that what was destroyed.
_STEPS = {
    Place.ACCESS: Event.ACCESS_REVOKED,
    Place.KEY: Event.KEY_DESTROYED,
    Place.VOLUMES: Event.VOLUMES_WIPED,
    Place.NAMESPACE: Event.NAMESPACE_GONE,
}
#: In the details of the record `Certified`.
DETAIL = "certificate_sha256"


class Destroyed(Document):
    """What was destroyed, when, and which record says so."""

    what: Place
    at: Moment
    record: int
    sha256: Digest


class Evidence(Document):
    """The log up to the sweep. Its head vouches for all before it."""

    records: int
    head: Digest


class Deletion(Document):
    """The predicate."""

    sandbox: Subject
    issued_at: Moment
    destroyed: tuple[Destroyed, ...]
    key: KeyProof
    sweep: Sweep
    evidence: Evidence
    limits: tuple[Limit, ...]


class Resource(Document):
    """in-toto's ResourceDescriptor, as far as it is used here."""

    name: str
    digest: dict[str, Digest]


class Statement(Document):
    """in-toto's Statement."""

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")] = STATEMENT
    subject: tuple[Resource, ...]
    predicate_type: Annotated[
        Literal["https://ai-lab.example/attestations/sandbox-deletion/v1"],
        Field(alias="predicateType"),
    ] = PREDICATE
    predicate: Deletion

    @classmethod
    def parse(cls, payload: bytes) -> Statement:
        """Reads the written form.

        Raises:
            ValueError: not a deletion certificate of this version in its one written form.
        """
        statement = cls.model_validate_json(payload)
        if statement.canonical() != payload:
            raise ValueError("a statement that is not in its canonical form")
        return statement


def statement(records: Sequence[Record], issued_at: datetime) -> Statement:
    """What the log of a destroyed sandbox proves.

    `records` is the whole log in order, up to and with the sweep, and must have been verified.

    Raises:
        CertificateRefused: it does not prove a deletion; the message says all that is missing.
    """
    refused: list[str] = []
    steps = {what: _last(records, event) for what, event in _STEPS.items()}
    refused += [f"no record of {_STEPS[what]}" for what, step in steps.items() if step is None]
    proof = _proof(steps[Place.KEY], refused)
    sweep = _sweep(records, refused)
    if refused or proof is None or sweep is None:
        raise CertificateRefused(
            f"the log does not prove a deletion: {'; '.join(refused)}.",
            next_step="finish destroying the sandbox, sweep as the last step, then ask again.",
        )
    last = records[-1]
    done = sorted((step.sequence, what, step) for what, step in steps.items() if step)
    return Statement(
        subject=(
            Resource(
                name=f"sandbox/{last.lab}/{last.sandbox}/{last.uid}", digest={"sha256": last.digest}
            ),
        ),
        predicate=Deletion(
            sandbox=last.subject,
            issued_at=issued_at,
            destroyed=tuple(
                Destroyed(what=what, at=step.time, record=sequence, sha256=step.digest)
                for sequence, what, step in done
            ),
            key=proof,
            sweep=sweep.sweep,
            evidence=Evidence(records=last.sequence + 1, head=last.digest),
            limits=(*LIMITS, *_limits(sweep)),
        ),
    )


def _last(records: Sequence[Record], event: Event) -> Record | None:
    return next((record for record in reversed(records) if record.event is event), None)


def _proof(record: Record | None, refused: list[str]) -> KeyProof | None:
    if record is None:
        return None
    try:
        return KeyProof.model_validate_json(_details(record))
    except ValueError as error:
        refused.append(f"{record.event} has no proof that the key is gone ({reason(error)})")
        return None


def _sweep(records: Sequence[Record], refused: list[str]) -> CompleteSweep | None:
    if not records or records[-1].event is not Event.SWEPT:
        refused.append("the last record is not a sweep")
        return None
    try:
        return CompleteSweep(Sweep.model_validate_json(_details(records[-1])))
    except ValueError as error:
        refused.append(f"the last record has no sweep ({reason(error)})")
    except CertificateRefused as error:
        refused.append(error.message.rstrip("."))
    return None


def _details(record: Record) -> bytes:
    """A record's details as JSON: models read those strictly, lists as tuples included."""
    return canonical.dumps(record.details)


def _limits(sweep: CompleteSweep) -> Iterator[Limit]:
    """What this sweep did not look at, and what its ground cannot prove."""
    for one in sweep.sweep.left_out:
        yield Limit(id=f"not-swept-{one.place}", text=f"Not looked at: {one.because}")
    for number, text in enumerate(sweep.sweep.limits, 1):
        yield Limit(id=f"ground-{number}", text=text)


def check(
    content: bytes | None, records: Sequence[Record], keys: Keyring, where: str
) -> tuple[Statement | None, list[Fault]]:
    """Whether a bundle's certificate is good and says what its log says.

    `content` is the envelope's line, None if there is none. `records` are in order.
    """
    certified = [record for record in records if record.event is Event.CERTIFIED]
    if content is None:
        missing = [Fault(Kind.MISSING, where, "the log says that there is a certificate")]
        return None, missing if certified else []
    try:
        envelope = Envelope.parse(content)
        found = Statement.parse(envelope.payload)
    except ValueError as error:
        return None, [Fault(Kind.CHANGED, where, f"is no deletion certificate ({reason(error)})")]
    faults = list(_signature(envelope, keys, where))
    if not certified:
        faults.append(Fault(Kind.FOREIGN, where, "the log knows of no certificate"))
    elif certified[-1].details.get(DETAIL) != digest(content):
        faults.append(Fault(Kind.CHANGED, where, "is not the one that the log says was signed"))
    else:
        before = [record for record in records if record.sequence < certified[-1].sequence]
        faults += _content(found, before, where)
    return found, faults


def _signature(envelope: Envelope, keys: Keyring, where: str) -> Iterator[Fault]:
    if envelope.payload_type != STATEMENT_TYPE:
        yield Fault(Kind.CHANGED, where, "was signed as something else than a statement")
    match envelope.trust(keys):
        case Trust.UNKNOWN_KEY:
            yield Fault(Kind.WRONG_KEY, where, "is signed by a key that is not trusted")
        case Trust.WRONG:
            yield Fault(Kind.CHANGED, where, "is not what was signed")
        case Trust.GOOD:
            pass


def _content(found: Statement, records: Sequence[Record], where: str) -> Iterator[Fault]:
    """Made anew from the log, a certificate is the same but for the words of its limits."""
    try:
        expected = statement(records, found.predicate.issued_at)
    except CertificateRefused as error:
        yield Fault(Kind.CHANGED, where, f"says what the log does not: {error.message}")
        return
    said, proven = found.predicate, expected.predicate
    if found.subject != expected.subject or said.model_copy(
        update={"limits": ()}
    ) != proven.model_copy(update={"limits": ()}):
        yield Fault(Kind.CHANGED, where, "says something else than the log")
    kept = {limit.id for limit in said.limits}
    for limit in proven.limits:
        if limit.id not in kept:
            yield Fault(Kind.CHANGED, where, f"does not state its limit {limit.id!r}")
