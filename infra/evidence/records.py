"""A record: one step in the life of one sandbox, and the hash of the record before it.

The written form of a record is its canonical JSON, and the record's digest is the SHA-256 of
that. A record of a later version of this schema is refused, not guessed at.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer

from infra.evidence import canonical

#: The payload's type in a record's envelope.
RECORD_TYPE = "application/vnd.ai-lab.evidence-record+json"
#: What the first record has instead of the digest of the one before it.
BEGINNING = "0" * 64

#: Bytes of `details` in canonical JSON, and of a record's whole envelope.
LARGEST_DETAILS = 16 * 1024
LARGEST_LINE = 48 * 1024

_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")


class Event(StrEnum):
    """What a record says has happened. The list is closed: a verifier knows every word of it."""

    REQUESTED = "Requested"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    PROVISIONING = "Provisioning"
    PROBE_PASSED = "ProbePassed"
    PROBE_FAILED = "ProbeFailed"
    READY = "Ready"
    #: It could not be made, or broke for good; what there is of it is destroyed.
    FAILED = "Failed"
    RENEWAL_REQUESTED = "RenewalRequested"
    RENEWAL_APPROVED = "RenewalApproved"
    RENEWED = "Renewed"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    DRIFT_FOUND = "DriftFound"
    DRIFT_REPAIRED = "DriftRepaired"
    BUDGET_WARNED = "BudgetWarned"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    AIRLOCK_REQUESTED = "AirlockRequested"
    AIRLOCK_REVIEWED = "AirlockReviewed"
    AIRLOCK_RELEASED = "AirlockReleased"
    AIRLOCK_REFUSED = "AirlockRefused"
    EXPIRING = "Expiring"
    ACCESS_REVOKED = "AccessRevoked"
    KEY_DESTROYED = "KeyDestroyed"
    VOLUMES_WIPED = "VolumesWiped"
    NAMESPACE_GONE = "NamespaceGone"
    #: Leftovers were looked for; its details are a `sweep.Sweep`, whatever that found.
    SWEPT = "Swept"
    #: A deletion certificate was signed; its details have the certificate's digest.
    CERTIFIED = "Certified"
    #: Nothing is recorded after this.
    DESTROYED = "Destroyed"


class ActorKind(StrEnum):
    """Who can do something."""

    PERSON = "person"
    #: The lab's own programs.
    OPERATOR = "operator"
    #: A workload of the sandbox.
    WORKLOAD = "workload"


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.fromisoformat(value)
    raise ValueError("not a time in UTC with microseconds")


def _written(value: datetime) -> str:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z")


#: RFC 3339, always UTC, always six digits of a second.
Moment = Annotated[datetime, BeforeValidator(_moment), PlainSerializer(_written, return_type=str)]
#: Hex SHA-256.
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: As Kubernetes names objects (RFC 1123).
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
#: As Kubernetes makes them (RFC 9562).
Uid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
#: Text that no terminal takes for a command.
Plain = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,256}$")]


class Document(BaseModel):
    """Something with one written form."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def canonical(self) -> bytes:
        """The written form; raises ValueError where a value has none."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True))


class Actor(Document):
    """Who did it, as whoever let them do it knows them."""

    kind: ActorKind
    principal: Plain


class Subject(Document):
    """Whose log it is. `uid` is never used twice, the name may be."""

    lab: Name
    sandbox: Name
    uid: Uid

    def __str__(self) -> str:
        return f"sandbox {self.sandbox} ({self.uid}) of lab {self.lab}"


class Record(Subject):
    """One step. `idempotency_key` names it: whoever repeats a step finds it recorded already."""

    version: Literal[1] = 1
    #: From 0, without gaps.
    sequence: Annotated[int, Field(ge=0, le=canonical.LARGEST)]
    time: Moment
    event: Event
    actor: Actor
    idempotency_key: Plain
    #: What else is to be known; no secrets, and nothing of what the sandbox works on.
    details: dict[str, JsonValue]
    #: Digest of the record before this one.
    previous: Digest

    @classmethod
    def parse(cls, payload: bytes) -> Record:
        """Reads the written form of a record.

        Raises:
            ValueError: not a record of this version, or not in its one written form.
        """
        record = cls.model_validate_json(payload)
        if record.canonical() != payload:
            raise ValueError("a record that is not in its canonical form")
        return record

    @property
    def subject(self) -> Subject:
        return Subject(lab=self.lab, sandbox=self.sandbox, uid=self.uid)

    @property
    def digest(self) -> str:
        return digest(self.canonical())


def digest(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()
