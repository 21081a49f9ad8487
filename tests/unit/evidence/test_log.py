from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import (
    CertificateRefused,
    EvidenceConflict,
    EvidenceInvalid,
    EvidenceKeyInvalid,
    EvidenceRefused,
)
from infra.evidence import bundle
from infra.evidence.dsse import Signature
from infra.evidence.log import ATTEMPTS, CERTIFY, EvidenceLog
from infra.evidence.records import Event
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Entry, conflict
from infra.evidence.verification import Trusted, verify_content
from tests.harness.evidence import (
    ALICE,
    LIFE,
    OPERATOR,
    REQUESTER,
    START,
    Clock,
    MemorySigner,
    die,
    live,
    sweep,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "evidence.sqlite")
    yield made
    made.close()


def test_a_step_that_is_repeated_is_what_was_recorded_first(
    store: SqliteStore, signer: MemorySigner
) -> None:
    log = EvidenceLog(store, signer, clock=Clock())
    first = log.record(ALICE, Event.REQUESTED, REQUESTER, "requested", {"ttl": "8h"})
    again = log.record(ALICE, Event.REQUESTED, OPERATOR, "requested", {"ttl": "9h"})
    assert again == first
    assert len(store.read(ALICE.uid)) == 1
    with pytest.raises(EvidenceConflict, match="recorded as Requested, not as Ready"):
        log.record(ALICE, Event.READY, OPERATOR, "requested")


def test_nothing_is_recorded_that_was_refused(store: SqliteStore, signer: MemorySigner) -> None:
    log = EvidenceLog(store, signer)
    with pytest.raises(EvidenceRefused, match="password"):
        log.record(ALICE, Event.READY, OPERATOR, "ready", {"password": "x"})
    assert store.read(ALICE.uid) == []


def test_the_log_ends(store: SqliteStore, signer: MemorySigner) -> None:
    log = live(store, signer)
    last = die(log)
    assert log.record(ALICE, Event.DESTROYED, OPERATOR, "destroyed") == last
    with pytest.raises(EvidenceConflict, match="ended"):
        log.record(ALICE, Event.READY, OPERATOR, "again")


def test_a_certificate_is_issued_once(store: SqliteStore, signer: MemorySigner) -> None:
    log = live(store, signer)
    first = log.certify(ALICE, OPERATOR)
    assert log.certify(ALICE, OPERATOR) == first
    die(log)
    assert log.certify(ALICE, OPERATOR) == first


def test_killed_between_the_certificate_and_its_record(
    store: SqliteStore, signer: MemorySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = live(store, signer)
    with monkeypatch.context() as patch:
        patch.setattr(store, "append", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log.certify(ALICE, OPERATOR)
    assert store.find(ALICE.uid, CERTIFY) is None
    die(log)  # a later time, so another certificate; the first one is nowhere named
    verdict = verify_content(
        bundle.export(store, signer, ALICE.uid, at=START), Trusted(keys=signer.public_keys())
    )
    assert verdict.faults == []


@pytest.mark.parametrize("steps", range(len(LIFE)))
def test_no_certificate_before_the_end(
    store: SqliteStore, signer: MemorySigner, steps: int
) -> None:
    log = live(store, signer, steps=steps)
    before = store.read(ALICE.uid)
    with pytest.raises(CertificateRefused, match="not a sweep"):
        log.certify(ALICE, OPERATOR)
    assert store.read(ALICE.uid) == before


def test_no_certificate_of_what_happened_after_the_sweep(
    store: SqliteStore, signer: MemorySigner
) -> None:
    log = live(store, signer)
    log.record(ALICE, Event.DRIFT_FOUND, OPERATOR, "drift")
    with pytest.raises(CertificateRefused, match="last record is not a sweep"):
        log.certify(ALICE, OPERATOR)
    log.record(ALICE, Event.SWEPT, OPERATOR, "swept-again", sweep().details())
    assert log.certify(ALICE, OPERATOR)


def test_a_race_at_the_certificate(
    store: SqliteStore, signer: MemorySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another leader records a leftover in between: nothing is certified."""
    log = live(store, signer)
    append = store.append

    def faster(entry: Entry) -> Entry:
        monkeypatch.setattr(store, "append", append)
        other = EvidenceLog(store, signer)
        other.record(ALICE, Event.SWEPT, OPERATOR, "swept-2", sweep(left=("pvc-1",)).details())
        return append(entry)

    monkeypatch.setattr(store, "append", faster)
    with pytest.raises(CertificateRefused, match="pvc-1 is left"):
        log.certify(ALICE, OPERATOR)
    assert store.find(ALICE.uid, CERTIFY) is None


def test_a_race_that_is_never_won(
    store: SqliteStore, signer: MemorySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Entry] = []

    def lost(entry: Entry) -> Entry:
        tries.append(entry)
        raise conflict(entry)

    log = live(store, signer)
    monkeypatch.setattr(store, "append", lost)
    with pytest.raises(EvidenceConflict, match="faster"):
        log.record(ALICE, Event.READY, OPERATOR, "x")
    with pytest.raises(EvidenceConflict, match="faster"):
        log.certify(ALICE, OPERATOR)
    assert len(tries) == 2 * ATTEMPTS


def test_a_store_that_was_changed_is_not_built_upon(
    store: SqliteStore, signer: MemorySigner, tmp_path: Path
) -> None:
    log = live(store, signer)
    die(log)
    with sqlite3.connect(tmp_path / "evidence.sqlite") as somebody:
        somebody.execute("DROP TRIGGER records_fixed")
        somebody.execute("DROP TRIGGER documents_stay")
        somebody.execute("UPDATE records SET envelope = '{}' WHERE sequence = 12")
        somebody.execute("DELETE FROM documents")
    with pytest.raises(EvidenceInvalid, match="record 12"):
        log.record(ALICE, Event.READY, OPERATOR, "x")
    with pytest.raises(EvidenceInvalid, match=r"certificate .* is not in the store"):
        log.certify(ALICE, OPERATOR)
    exported = bundle.export(store, signer, ALICE.uid, at=START)
    assert not verify_content(exported, Trusted(keys=signer.public_keys())).ok


def test_exports_of_nothing_and_during_a_rotation(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = MemorySigner()
    with pytest.raises(EvidenceInvalid, match="no evidence of a sandbox"):
        bundle.export(store, signer, ALICE.uid, at=START)
    live(store, signer, steps=2)
    sign = signer.sign

    def rotated(message: bytes) -> Signature:
        signer.rotate()
        return sign(message)

    monkeypatch.setattr(signer, "sign", rotated)
    with pytest.raises(EvidenceKeyInvalid, match="rotated while"):
        bundle.export(store, signer, ALICE.uid, at=START)
