from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import EvidenceConflict, EvidenceRefused
from infra.evidence import canonical
from infra.evidence.chain import follow
from infra.evidence.records import BEGINNING, LARGEST_DETAILS, Event, Record, Subject
from tests.harness.evidence import ALICE, OPERATOR, START
from tests.unit.evidence.test_canonical import NAMES, PLAIN


def made(last: Record | None = None, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "time": START,
        "event": Event.READY,
        "actor": OPERATOR,
        "idempotency_key": "ready",
        "details": {},
    }
    return follow(ALICE, last, **(values | changes))


def test_the_first_and_the_next() -> None:
    first = made(event=Event.REQUESTED, details={"ttl": "8h"})
    assert (first.sequence, first.previous) == (0, BEGINNING)
    second = made(first)
    assert (second.sequence, second.previous) == (1, first.digest)
    assert json.loads(first.canonical()) == {
        "version": 1,
        "lab": "local",
        "sandbox": "alice",
        "uid": ALICE.uid,
        "sequence": 0,
        "time": "2026-03-01T08:30:00.000000Z",
        "event": "Requested",
        "actor": {"kind": "operator", "principal": "sandbox-operator"},
        "idempotency_key": "ready",
        "details": {"ttl": "8h"},
        "previous": BEGINNING,
    }


@settings(deadline=None)
@given(
    st.dictionaries(NAMES, PLAIN, max_size=5),
    st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)),
    st.timedeltas(timedelta(hours=-14), timedelta(hours=14)),
)
def test_it_reads_what_it_writes(details: dict[str, Any], time: datetime, zone: timedelta) -> None:
    record = made(
        details={f"_{name}": value for name, value in details.items()},
        time=time.replace(tzinfo=timezone(timedelta(minutes=zone // timedelta(minutes=1)))),
    )
    assert Record.parse(record.canonical()) == record
    assert record.time.tzinfo is UTC


def written(**changes: Any) -> bytes:
    return canonical.dumps(json.loads(made().canonical()) | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": True},
        {"sequence": -1},
        {"sequence": "0"},
        {"time": "2026-03-01T08:30:00Z"},
        {"time": "2026-03-01T08:30:00.000000+00:00"},
        {"time": "2026-13-01T08:30:00.000000Z"},
        {"time": 0},
        {"event": "Exploded"},
        {"event": "ready"},
        {"actor": {"kind": "robot", "principal": "x"}},
        {"actor": {"kind": "person", "principal": ""}},
        {"actor": {"kind": "person", "principal": "x\x1b[2J"}},
        {"lab": "UPPER"},
        {"sandbox": "a_b"},
        {"uid": "not-a-uid"},
        {"uid": ALICE.uid.upper()},
        {"idempotency_key": "line\n"},
        {"details": []},
        {"previous": "0" * 63},
        {"previous": "A" * 64},
        {"extra": 1},
    ],
)
def test_what_is_no_record(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Record.parse(written(**changes))


def test_a_record_has_one_form() -> None:
    good = made().canonical()
    assert Record.parse(good)
    for odd in (
        good + b"\n",
        good.replace(b":", b": ", 1),
        good.replace(b'"details":{}', b'"details":{"a":1.0}'),
        good.replace(b'"details":{}', b'"details":{"a":1,"a":1}'),
        good.replace(b'"sequence":0', b'"sequence":0,"sequence":0'),
        good.replace(b'"details":{}', b'"details":' + b'{"a":' * 5000 + b"1" + b"}" * 5001),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            Record.parse(odd)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"details": {"a": 1.5}}, "float"),
        ({"details": {"a": 2**60}}, "beyond"),
        ({"details": {"a": "x" * LARGEST_DETAILS}}, "bytes"),
        ({"details": {"a": "\ud800"}}, "surrogate"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"time": datetime(2026, 1, 1)}, "time"),
        ({"details": {"vault_token": "x"}}, "details.vault_token is named like a secret"),
        ({"details": {"a": [{"password": "x"}]}}, r"details.a\[0\].password is named"),
        ({"details": {"a": "hvs.CAESIJ0123456789abcdef"}}, "looks like a token of Vault"),
        ({"details": {"a": "-----BEGIN PRIVATE KEY-----"}}, "looks like a private key"),
        ({"details": {"a": "eyJhbGciOiJF.eyJzdWIiOiIx.sig"}}, "JSON Web Token"),
        ({"details": {"a": "postgresql://me:pw@host/db"}}, "password in an address"),
        ({"details": {"a": "AKIAIOSFODNN7EXAMPLE"}}, "AWS"),
    ],
)
def test_what_cannot_be_recorded(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(EvidenceRefused, match=why) as caught:
        made(**changes)
    for secret in ("hvs.CAES", "pw@host", "AKIA", "eyJz"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "details",
    [
        {"token": ""},
        {"tokens": 3},
        {"secret_refs": 2},
        {"token_accessor": "x"},
        {"key": "transit/keys/sandbox-x", "ciphertext_sha256": "ab"},
        {"url": "https://vault.example:8200/v1/sys"},
        {"path": "kv/sandboxes/x/secrets"},
    ],
)
def test_the_net_lets_names_and_counts_through(details: dict[str, Any]) -> None:
    assert made(details=details).details == details


def test_the_largest_record_is_one_that_verifiers_look_at() -> None:
    from infra.evidence.chain import verify
    from infra.evidence.dsse import seal
    from infra.evidence.keys import keyring
    from infra.evidence.records import RECORD_TYPE
    from tests.harness.evidence import MemorySigner

    signer = MemorySigner()
    name = Subject(lab="l" * 253, sandbox="s" * 253, uid=ALICE.uid)
    record = follow(
        name,
        None,
        time=START,
        event=Event.READY,
        actor=OPERATOR.model_copy(update={"principal": '"' * 256}),
        idempotency_key="\\" * 256,
        details={"a": "x" * (LARGEST_DETAILS - len('{"a":""}'))},
    )
    line = seal(signer, RECORD_TYPE, record.canonical()).line
    assert verify([line], keyring(signer.public_keys())).faults == []


def test_nothing_follows_the_end() -> None:
    last = made(event=Event.DESTROYED)
    with pytest.raises(EvidenceConflict, match="ended with Destroyed"):
        made(last)
