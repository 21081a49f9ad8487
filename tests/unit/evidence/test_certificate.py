from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from infra.errors import CertificateRefused
from infra.evidence import canonical
from infra.evidence.certificate import (
    DETAIL,
    PREDICATE,
    STATEMENT_TYPE,
    Statement,
    check,
    statement,
)
from infra.evidence.chain import follow
from infra.evidence.dsse import seal
from infra.evidence.faults import Kind
from infra.evidence.keys import keyring
from infra.evidence.limits import LIMITS
from infra.evidence.records import Event, Record, digest
from infra.evidence.sweep import CompleteSweep, KeyProof, LeftOut, Looked, Place, Sweep
from tests.harness.evidence import (
    ALICE,
    LIFE,
    OPERATOR,
    START,
    MemorySigner,
    key_proof,
    sweep,
)

SIGNER = MemorySigner()
KEYS = keyring(SIGNER.public_keys())
WHERE = "certificate.dsse.json"


def life(
    *, without: Event | None = None, details: dict[Event, dict[str, Any]] | None = None
) -> list[Record]:
    records: list[Record] = []
    for event, actor, normal in LIFE:
        if event is not without:
            records.append(
                follow(
                    ALICE,
                    records[-1] if records else None,
                    time=START,
                    event=event,
                    actor=actor,
                    idempotency_key=event,
                    details=(details or {}).get(event, normal),
                )
            )
    return records


RECORDS = life()
MADE = statement(RECORDS, START)


def test_it_is_an_in_toto_statement_about_the_sandbox() -> None:
    document = MADE.model_dump(mode="json", by_alias=True)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == PREDICATE
    assert document["subject"] == [
        {
            "name": f"sandbox/local/alice/{ALICE.uid}",
            "digest": {"sha256": RECORDS[-1].digest},
        }
    ]
    assert Statement.parse(MADE.canonical()) == MADE


def test_it_says_what_the_log_says() -> None:
    deletion = MADE.predicate
    assert deletion.sandbox == ALICE
    said = {one.what: (one.record, one.sha256) for one in deletion.destroyed}
    assert said == {
        Place.ACCESS: (6, RECORDS[6].digest),
        Place.KEY: (7, RECORDS[7].digest),
        Place.VOLUMES: (8, RECORDS[8].digest),
        Place.NAMESPACE: (9, RECORDS[9].digest),
    }
    assert deletion.key == key_proof()
    assert deletion.sweep == sweep()
    assert deletion.evidence.head == RECORDS[-1].digest
    assert deletion.evidence.records == len(RECORDS)


def test_it_states_its_limits() -> None:
    stated = {limit.id: limit.text for limit in MADE.predicate.limits}
    assert {"backups", "snapshots", "storage-hardware", "memory", "copies"} <= set(stated)
    assert {limit.id for limit in LIMITS} <= set(stated)
    assert "this ground does not show it" in stated["not-swept-node-disks"]
    assert stated["ground-1"] == "one kernel for all"


@pytest.mark.parametrize(
    "event",
    [Event.ACCESS_REVOKED, Event.KEY_DESTROYED, Event.VOLUMES_WIPED, Event.NAMESPACE_GONE],
)
def test_every_step_must_be_on_record(event: Event) -> None:
    with pytest.raises(CertificateRefused, match=f"no record of {event}"):
        statement(life(without=event), START)


def test_everything_that_is_missing_is_said() -> None:
    with pytest.raises(CertificateRefused) as caught:
        statement(RECORDS[:5], START)
    for event in (Event.ACCESS_REVOKED, Event.KEY_DESTROYED, Event.VOLUMES_WIPED):
        assert event in caught.value.message
    assert "not a sweep" in caught.value.message
    with pytest.raises(CertificateRefused, match="not a sweep"):
        statement([], START)


@pytest.mark.parametrize("proof", [{}, {**key_proof().details(), "ciphertext_sha256": "x"}])
def test_the_key_must_be_proven_gone(proof: dict[str, Any]) -> None:
    with pytest.raises(CertificateRefused, match="no proof that the key is gone"):
        statement(life(details={Event.KEY_DESTROYED: proof}), START)


def partial(place: Place, *, left_out: bool) -> Sweep:
    whole = sweep()
    return whole.model_copy(
        update={
            "looked": tuple(look for look in whole.looked if look.place is not place),
            "left_out": (
                *(one for one in whole.left_out if one.place is not place),
                *([LeftOut(place=place, because="no time")] if left_out else []),
            ),
        }
    )


@pytest.mark.parametrize("place", Place)
def test_every_place_must_be_looked_at(place: Place) -> None:
    with pytest.raises(CertificateRefused, match=f"{place} was not looked at"):
        CompleteSweep(partial(place, left_out=False))
    if place in {Place.FLOWS, Place.NODE_DISKS}:
        assert CompleteSweep(partial(place, left_out=True))
    else:
        with pytest.raises(CertificateRefused, match=f"{place} may not be left out"):
            CompleteSweep(partial(place, left_out=True))


def test_a_sweep_that_found_something_is_recorded_and_certifies_nothing() -> None:
    found = sweep(left=("pvc-1", "pvc-2"))
    assert found.leftovers == ("volumes: pvc-1", "volumes: pvc-2")
    records = life(details={Event.SWEPT: found.details()})
    with pytest.raises(CertificateRefused, match=r"volumes: pvc-1 is left; volumes: pvc-2 is left"):
        statement(records, START)


def test_a_sweep_that_contradicts_itself() -> None:
    whole = sweep()
    twice = whole.model_copy(update={"looked": (*whole.looked, whole.looked[0])})
    with pytest.raises(CertificateRefused, match="access is there twice"):
        CompleteSweep(twice)
    flows = Looked(place=Place.FLOWS, how="hubble", objects=1)
    both = whole.model_copy(update={"looked": (*whole.looked, flows)})
    with pytest.raises(CertificateRefused, match="looked at and left out"):
        CompleteSweep(both)


@pytest.mark.parametrize("details", [{}, {"looked": "everything"}])
def test_a_record_that_has_no_sweep(details: dict[str, Any]) -> None:
    with pytest.raises(CertificateRefused, match="has no sweep"):
        statement(life(details={Event.SWEPT: details}), START)


def test_nobody_looked_at_no_objects() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Looked(place=Place.VOLUMES, how="list", objects=0)


def test_a_proof_survives_being_recorded() -> None:
    assert KeyProof.model_validate_json(canonical.dumps(key_proof().details())) == key_proof()
    assert Sweep.model_validate_json(canonical.dumps(sweep().details())) == sweep()


def certified(content: bytes, records: Sequence[Record] = RECORDS) -> list[Record]:
    """The log, with a record that this certificate was issued."""
    details: dict[str, Any] = {DETAIL: digest(content)}
    return [
        *records,
        follow(
            ALICE,
            records[-1],
            time=START,
            event=Event.CERTIFIED,
            actor=OPERATOR,
            idempotency_key="certify",
            details=details,
        ),
    ]


def signed(payload: bytes, signer: MemorySigner = SIGNER, kind: str = STATEMENT_TYPE) -> bytes:
    return seal(signer, kind, payload).line


def kinds(content: bytes | None, records: Sequence[Record]) -> list[Kind]:
    return [fault.kind for fault in check(content, records, KEYS, WHERE)[1]]


def test_a_good_one() -> None:
    content = signed(MADE.canonical())
    assert check(content, certified(content), KEYS, WHERE) == (MADE, [])
    assert kinds(None, RECORDS) == []


def test_one_that_is_gone_or_was_never_there() -> None:
    content = signed(MADE.canonical())
    assert kinds(None, certified(content)) == [Kind.MISSING]
    assert kinds(content, RECORDS) == [Kind.FOREIGN]


def test_one_by_somebody_else() -> None:
    content = signed(MADE.canonical(), MemorySigner())
    assert kinds(content, certified(content)) == [Kind.WRONG_KEY]
    forger = MemorySigner()
    forger.versions, forger.broken = SIGNER.versions, True
    broken = signed(MADE.canonical(), forger)
    assert kinds(broken, certified(broken)) == [Kind.CHANGED]


def test_one_in_the_place_of_another() -> None:
    content = signed(MADE.canonical())
    other = signed(statement(RECORDS, START.replace(year=2027)).canonical())
    assert kinds(other, certified(content)) == [Kind.CHANGED]


def test_one_that_was_signed_as_something_else() -> None:
    content = signed(MADE.canonical(), kind="application/vnd.ai-lab.evidence-record+json")
    assert kinds(content, certified(content)) == [Kind.CHANGED]


@pytest.mark.parametrize("content", [b"", b"{}", signed(b"{}"), signed(b"\xff")])
def test_what_is_none(content: bytes) -> None:
    assert kinds(content, certified(content)) == [Kind.CHANGED]


def test_one_that_says_more_than_its_log() -> None:
    """Signed by who may sign, and still found: the log says otherwise."""
    lies: list[dict[str, Any]] = [
        {"issued_at": START, "destroyed": MADE.predicate.destroyed[:3]},
        {"sweep": MADE.predicate.sweep.model_copy(update={"left_out": ()})},
        {"key": key_proof().model_copy(update={"refused": "never existed"})},
        {"limits": MADE.predicate.limits[1:]},
        {"limits": ()},
    ]
    for lie in lies:
        said = MADE.model_copy(update={"predicate": MADE.predicate.model_copy(update=lie)})
        content = signed(said.canonical())
        assert set(kinds(content, certified(content))) == {Kind.CHANGED}, lie


def test_one_of_a_log_that_proves_no_deletion() -> None:
    content = signed(MADE.canonical())
    for event in (Event.ACCESS_REVOKED, Event.SWEPT):
        records = certified(content, life(without=event))
        assert kinds(content, records) == [Kind.CHANGED]


def test_better_words_for_a_limit_do_not_make_old_certificates_wrong() -> None:
    limits = tuple(
        limit.model_copy(update={"text": f"Older words: {limit.text}"})
        for limit in MADE.predicate.limits
    )
    predicate = MADE.predicate.model_copy(update={"limits": limits})
    content = signed(MADE.model_copy(update={"predicate": predicate}).canonical())
    assert kinds(content, certified(content)) == []
