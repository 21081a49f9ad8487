"""Evidence for tests: a key in memory, a sandbox's life, and its bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import JsonValue

from infra.evidence import bundle
from infra.evidence.dsse import Signature
from infra.evidence.keys import PublicKey
from infra.evidence.log import EvidenceLog
from infra.evidence.records import Actor, ActorKind, Event, Record, Subject
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Store
from infra.evidence.sweep import (
    MAY_BE_LEFT_OUT,
    KeyProof,
    LeftOut,
    Looked,
    Place,
    Sweep,
    ciphertext_digest,
)

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
ALICE = Subject(lab="local", sandbox="alice", uid="0b0f6b4e-5b1a-4f0e-9d3a-2f6f6f0c1a11")
MALLORY = Subject(lab="local", sandbox="mallory", uid="6a2d1c00-77aa-4c1b-8b1f-90d2b1f0ee22")
REQUESTER = Actor(kind=ActorKind.PERSON, principal="auditor@institution.example")
OPERATOR = Actor(kind=ActorKind.OPERATOR, principal="sandbox-operator")


@dataclass
class MemorySigner:
    """A key in memory; `rotate` adds a version, as Vault does."""

    versions: list[Ed25519PrivateKey] = field(default_factory=list)
    #: What is signed next is signed wrongly.
    broken: bool = False

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        self.versions.append(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> Signature:
        value = self.versions[-1].sign(message + b"!" * self.broken)
        return Signature(self.public_keys()[-1].fingerprint, value)

    def public_keys(self) -> tuple[PublicKey, ...]:
        return tuple(
            PublicKey(
                key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), f"memory:{number}"
            )
            for number, key in enumerate(self.versions, 1)
        )


@dataclass
class Clock:
    """A second later with every look."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def key_proof() -> KeyProof:
    return KeyProof(
        key="transit/keys/sandbox-x1",
        ciphertext_sha256=ciphertext_digest("vault:v1:AAAA"),
        operation="rewrap",
        refused="encryption key not found",
        at=START + timedelta(minutes=5),
    )


def sweep(*, left: tuple[str, ...] = ()) -> Sweep:
    looked = tuple(
        Looked(
            place=place,
            how=f"list of {place} by identity",
            objects=3,
            left=left if place is Place.VOLUMES else (),
        )
        for place in Place
        if place not in MAY_BE_LEFT_OUT
    )
    left_out = tuple(
        LeftOut(place=place, because="this ground does not show it")
        for place in sorted(MAY_BE_LEFT_OUT)
    )
    return Sweep(at=START, looked=looked, left_out=left_out, limits=("one kernel for all",))


#: A whole life: event, who, and details.
LIFE: tuple[tuple[Event, Actor, dict[str, JsonValue]], ...] = (
    (Event.REQUESTED, REQUESTER, {"purpose": "audit of a model", "ttl": "8h", "gpus": 0}),
    (Event.APPROVED, Actor(kind=ActorKind.PERSON, principal="officer"), {"four_eyes": True}),
    (Event.PROVISIONING, OPERATOR, {}),
    (Event.PROBE_PASSED, OPERATOR, {"probes": ["dns", "egress", "über"]}),
    (Event.READY, OPERATOR, {"namespace": "sandbox-x1"}),
    (Event.EXPIRING, OPERATOR, {"why": "Expired"}),
    (Event.ACCESS_REVOKED, OPERATOR, {}),
    (Event.KEY_DESTROYED, OPERATOR, key_proof().details()),
    (Event.VOLUMES_WIPED, OPERATOR, {"volumes": 2}),
    (Event.NAMESPACE_GONE, OPERATOR, {}),
    (Event.SWEPT, OPERATOR, sweep().details()),
)


def live(
    store: Store, signer: MemorySigner, subject: Subject = ALICE, *, steps: int = len(LIFE)
) -> EvidenceLog:
    """Records the first `steps` of a life."""
    log = EvidenceLog(store, signer, clock=Clock())
    for event, actor, details in LIFE[:steps]:
        log.record(subject, event, actor, event.lower(), details)
    return log


def die(log: EvidenceLog, subject: Subject = ALICE) -> Record:
    """Certifies a life that was recorded to its end, and closes the log."""
    log.certify(subject, OPERATOR)
    return log.record(subject, Event.DESTROYED, OPERATOR, "destroyed")


@contextmanager
def store() -> Iterator[SqliteStore]:
    """An empty store that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="lab-evidence-") as folder:
        made = SqliteStore(Path(folder) / "evidence.sqlite")
        try:
            yield made
        finally:
            made.close()


def exported(
    signer: MemorySigner, *, subject: Subject = ALICE, steps: int = len(LIFE), dead: bool = True
) -> bytes:
    """The bundle of one life."""
    with store() as made:
        log = live(made, signer, subject, steps=steps)
        if dead:
            die(log, subject)
        return bundle.export(made, signer, subject.uid, at=START + timedelta(days=1))
