"""The chain: what the next record of a log must be, and whether a log is what was signed. Pure.

A record that is signed and chained cannot be changed, moved, taken out or brought in from another
log. One thing a chain cannot show by itself: that its end is missing. For that, `verify` is told
the head, which somebody signed or wrote down elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from infra.errors import EvidenceConflict, EvidenceRefused
from infra.evidence import canonical, hygiene
from infra.evidence.dsse import Envelope, Trust
from infra.evidence.faults import Fault, Kind, reason
from infra.evidence.keys import Keyring
from infra.evidence.records import (
    BEGINNING,
    LARGEST_DETAILS,
    LARGEST_LINE,
    RECORD_TYPE,
    Actor,
    Event,
    Record,
    Subject,
    digest,
)


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a log: its number (from 0) and its digest."""

    sequence: int
    digest: str


def follow(
    subject: Subject,
    last: Record | None,
    *,
    time: datetime,
    event: Event,
    actor: Actor,
    idempotency_key: str,
    details: Mapping[str, JsonValue],
) -> Record:
    """The record after `last` (None: the first).

    Raises:
        EvidenceRefused: something cannot be recorded: too large, not plain, or like a secret.
        EvidenceConflict: the log was closed by `Destroyed`.
    """
    if last is not None and last.event is Event.DESTROYED:
        raise EvidenceConflict(
            f"the log of {subject} ended with {last.event}; {event} cannot follow.",
            next_step="a new sandbox has a new log; look for who still works on the old one.",
        )
    found = list(hygiene.secrets(details))
    if found:
        raise _refused(event, "; ".join(found))
    try:
        size = len(canonical.dumps(dict(details)))
        if size > LARGEST_DETAILS:
            raise _refused(event, f"details of {size} bytes, {LARGEST_DETAILS} are allowed")
        record = Record(
            lab=subject.lab,
            sandbox=subject.sandbox,
            uid=subject.uid,
            sequence=0 if last is None else last.sequence + 1,
            time=time,
            event=event,
            actor=actor,
            idempotency_key=idempotency_key,
            details=dict(details),
            previous=BEGINNING if last is None else last.digest,
        )
        record.canonical()
    except ValueError as error:
        raise _refused(event, reason(error)) from error
    return record


def _refused(event: Event, why: str) -> EvidenceRefused:
    return EvidenceRefused(
        f"{event} cannot be recorded: {why}.",
        next_step="record digests, names and numbers; keep the rest where it belongs.",
    )


@dataclass(frozen=True, slots=True)
class Link:
    """A record as it stands in a log. `line` counts from 1."""

    line: int
    record: Record
    digest: str
    #: Its envelope was good, and it belongs to this log.
    sound: bool


@dataclass(slots=True)
class Verified:
    """What a log says, and what is wrong with it. Records are those that could be read."""

    links: list[Link] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        return [link.record for link in self.links]

    @property
    def head(self) -> Head | None:
        """Of the last record in the order of numbers."""
        last = max(self.links, key=lambda link: link.record.sequence, default=None)
        return None if last is None else Head(last.record.sequence, last.digest)


def verify(
    lines: Sequence[bytes],
    keys: Keyring,
    *,
    subject: Subject | None = None,
    head: Head | None = None,
    where: str = "records.jsonl",
) -> Verified:
    """Checks the envelopes of a log, in the order in which they stand.

    `subject` None: whoever the first readable record names. `head` None: a missing end is not
    noticed. Faults name `where` and the line.
    """
    found = Verified()
    unread: set[int] = set()
    for number, line in enumerate(lines, 1):
        link, faults = _read(line, number, keys, subject, where)
        found.faults += faults
        if link is None:
            unread.add(number - 1)
            continue
        subject = subject or link.record.subject
        if link.record.subject == subject:
            found.links.append(link)
    found.faults += _places(found.links, unread, head, where)
    found.faults += _links(found.links, where)
    found.faults += _steps(found.links, where)
    if head is not None:
        found.faults += _head(found.links, head, where)
    return found


def _read(
    line: bytes, number: int, keys: Keyring, subject: Subject | None, where: str
) -> tuple[Link | None, list[Fault]]:
    place = f"{where}:{number}"
    if len(line) > LARGEST_LINE:
        return None, [Fault(Kind.TOO_LARGE, place, f"{len(line)} bytes in one record")]
    try:
        envelope = Envelope.parse(line)
        record = Record.parse(envelope.payload)
    except ValueError as error:
        return None, [Fault(Kind.CHANGED, place, f"is no record of ours ({reason(error)})")]
    faults = []
    if envelope.payload_type != RECORD_TYPE:
        faults.append(Fault(Kind.CHANGED, place, "was signed as something else than a record"))
    match envelope.trust(keys):
        case Trust.UNKNOWN_KEY:
            faults.append(Fault(Kind.WRONG_KEY, place, "is signed by a key that is not trusted"))
        case Trust.WRONG:
            faults.append(Fault(Kind.CHANGED, place, "is not what was signed"))
        case Trust.GOOD:
            pass
    if subject is not None and record.subject != subject:
        faults.append(Fault(Kind.FOREIGN, place, f"belongs to {record.subject}"))
    return Link(number, record, digest(envelope.payload), not faults), faults


def _places(
    links: Sequence[Link], unread: set[int], head: Head | None, where: str
) -> Iterator[Fault]:
    """Numbers that are twice, out of order, or not there."""
    first: dict[int, Link] = {}
    highest = -1
    for link in links:
        place, number = f"{where}:{link.line}", link.record.sequence
        other = first.setdefault(number, link)
        if other is not link:
            what = "is there twice" if other.digest == link.digest else "has two versions"
            yield Fault(Kind.REPEATED, place, f"record {number} {what}")
        elif number < highest:
            yield Fault(Kind.REORDERED, place, f"record {number} stands after record {highest}")
        highest = max(highest, number)
    # A line that cannot be read is a fault of its own, not a missing record as well.
    there = set(first) | unread
    last = max(there, default=-1)
    for start, end in _ranges(number for number in _bounded(last) if number not in there):
        yield Fault(Kind.MISSING, where, f"{_count(start, end)} missing")
    if head is not None and head.sequence > last:
        yield Fault(
            Kind.TRUNCATED,
            where,
            f"ends before its head: {_count(last + 1, head.sequence)} missing",
        )


#: Numbers that are looked at for gaps; no log is longer, and a record may claim any number.
_MOST = 1_000_000


def _bounded(last: int) -> range:
    return range(min(last, _MOST) + 1)


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    start = end = None
    for number in numbers:
        if start is None or end is None:
            start = end = number
        elif number == end + 1:
            end = number
        else:
            yield start, end
            start = end = number
    if start is not None and end is not None:
        yield start, end


def _count(start: int, end: int) -> str:
    return f"record {start} is" if start == end else f"records {start} to {end} are"


def _links(links: Sequence[Link], where: str) -> Iterator[Fault]:
    """Records that do not follow from the one before, where both are there and sound."""
    first: dict[int, Link] = {}
    for link in links:
        first.setdefault(link.record.sequence, link)
    for number, link in sorted(first.items()):
        before = first.get(number - 1)
        if number and (before is None or not before.sound):
            continue
        expected = BEGINNING if before is None else before.digest
        if link.sound and link.record.previous != expected:
            what = "is not a beginning" if before is None else f"does not follow from {number - 1}"
            yield Fault(Kind.CHANGED, f"{where}:{link.line}", f"record {number} {what}")


def _steps(links: Sequence[Link], where: str) -> Iterator[Fault]:
    """A step has one record, however often its operator was killed."""
    keys = {(link.record.sequence, link.record.idempotency_key) for link in links if link.sound}
    for key, times in Counter(key for _, key in keys).items():
        if times > 1:
            yield Fault(Kind.REPEATED, where, f"{times} records of the step {key}")


def _head(links: Sequence[Link], head: Head, where: str) -> Iterator[Fault]:
    beyond = [link for link in links if link.record.sequence > head.sequence]
    if beyond:
        message = f"{len(beyond)} records after the head that was signed"
        yield Fault(Kind.CHANGED, where, message)
    at = [link for link in links if link.record.sequence == head.sequence]
    if at and at[0].sound and at[0].digest != head.digest:
        yield Fault(Kind.CHANGED, f"{where}:{at[0].line}", "is not the head that was signed")
