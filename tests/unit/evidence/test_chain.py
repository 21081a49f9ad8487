"""Whatever is done to the lines of a log, short of nothing, is noticed, and called by its name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.evidence import canonical
from infra.evidence.chain import Head, verify
from infra.evidence.dsse import Envelope, seal
from infra.evidence.faults import Kind
from infra.evidence.keys import keyring
from infra.evidence.records import LARGEST_LINE, RECORD_TYPE, Record, Subject, digest
from tests.harness.evidence import ALICE, MALLORY, MemorySigner, live, store

SIGNER = MemorySigner()
#: Somebody else's key.
STRANGER = MemorySigner()
KEYS = keyring(SIGNER.public_keys())


def lines_of(signer: MemorySigner, subject: Subject) -> list[bytes]:
    with store() as made:
        live(made, signer, subject)
        return [entry.envelope for entry in made.read(subject.uid)]


def resigned(line: bytes, signer: MemorySigner = SIGNER, **changes: Any) -> bytes:
    """The record of a line, changed and signed again."""
    document = json.loads(Envelope.parse(line).payload) | changes
    return seal(signer, RECORD_TYPE, canonical.dumps(document)).line


LOG = lines_of(SIGNER, ALICE)
OTHERS = lines_of(SIGNER, MALLORY)
FORGED = [resigned(line, STRANGER) for line in LOG]
COUNT = len(LOG)
HEAD = Head(COUNT - 1, digest(Envelope.parse(LOG[-1]).payload))


def kinds(lines: Sequence[bytes], head: Head | None = HEAD) -> list[Kind]:
    return [fault.kind for fault in verify(lines, KEYS, subject=ALICE, head=head).faults]


def test_an_untouched_log() -> None:
    found = verify(LOG, KEYS, subject=ALICE, head=HEAD)
    assert found.faults == []
    assert [record.sequence for record in found.records] == list(range(COUNT))
    assert found.head == HEAD


def test_changed() -> None:
    document = json.loads(LOG[3])
    record = json.loads(base64.b64decode(document["payload"])) | {"event": "ProbeFailed"}
    document["payload"] = base64.b64encode(canonical.dumps(record)).decode()
    assert kinds([*LOG[:3], canonical.dumps(document), *LOG[4:]]) == [Kind.CHANGED]


def test_changed_and_signed_again() -> None:
    """By somebody who may sign: the record after it does not follow any more."""
    assert kinds([*LOG[:3], resigned(LOG[3], event="ProbeFailed"), *LOG[4:]]) == [Kind.CHANGED]
    last = [*LOG[:-1], resigned(LOG[-1], idempotency_key="other")]
    assert kinds(last) == [Kind.CHANGED]
    # Without a signed head, nobody could tell.
    assert kinds(last, None) == []


def test_missing() -> None:
    assert kinds([*LOG[:4], *LOG[6:]]) == [Kind.MISSING]
    [fault] = verify([*LOG[:4], *LOG[6:]], KEYS, subject=ALICE, head=HEAD).faults
    assert "records 4 to 5 are missing" in fault.message
    assert kinds(LOG[1:]) == [Kind.MISSING]


def test_truncated() -> None:
    [fault] = verify(LOG[:-2], KEYS, subject=ALICE, head=HEAD).faults
    assert fault.kind is Kind.TRUNCATED
    assert f"records {COUNT - 2} to {COUNT - 1} are missing" in fault.message
    assert kinds([]) == [Kind.TRUNCATED]
    # What the head is for.
    assert kinds(LOG[:-2], None) == []


def test_reordered() -> None:
    swapped = [*LOG[:3], LOG[4], LOG[3], *LOG[5:]]
    assert kinds(swapped) == [Kind.REORDERED]


def test_renumbered() -> None:
    """Taken out, and the gap closed by new numbers: first without the key, then with it."""
    unsigned = []
    for line in LOG[4:]:
        document = json.loads(line)
        record = json.loads(base64.b64decode(document["payload"]))
        record["sequence"] -= 1
        document["payload"] = base64.b64encode(canonical.dumps(record)).decode()
        unsigned.append(canonical.dumps(document))
    assert Kind.CHANGED in kinds([*LOG[:3], *unsigned])
    signed = [
        resigned(line, sequence=Record.parse(Envelope.parse(line).payload).sequence - 1)
        for line in LOG[4:]
    ]
    assert Kind.CHANGED in kinds([*LOG[:3], *signed])
    # With the key and new links it is another history. Its end is not the one that was signed.
    assert Kind.TRUNCATED in kinds(rechained([*LOG[:3], *LOG[4:]]))
    assert kinds(rechained([*LOG[:3], *LOG[4:]]), None) == []


def rechained(lines: Sequence[bytes]) -> list[bytes]:
    made: list[bytes] = []
    for number, line in enumerate(lines):
        previous = digest(Envelope.parse(made[-1]).payload) if made else "0" * 64
        made.append(resigned(line, sequence=number, previous=previous))
    return made


def test_repeated() -> None:
    assert kinds([*LOG[:4], LOG[3], *LOG[4:]]) == [Kind.REPEATED]
    fork = resigned(LOG[3], event="ProbeFailed")
    [fault] = verify([*LOG[:4], fork, *LOG[4:]], KEYS, subject=ALICE, head=HEAD).faults
    assert fault.kind is Kind.REPEATED
    assert "two versions" in fault.message


def test_a_step_twice() -> None:
    twice = rechained([*LOG, resigned(LOG[2])])
    assert kinds(twice, None) == [Kind.REPEATED]


def test_foreign() -> None:
    assert kinds([*LOG[:3], OTHERS[3], *LOG[4:]]) == [Kind.FOREIGN, Kind.MISSING]
    assert kinds([*LOG, OTHERS[0]]) == [Kind.FOREIGN]
    others: list[dict[str, Any]] = [{"lab": "elsewhere"}, {"sandbox": "bob"}, {"uid": MALLORY.uid}]
    for other in others:
        assert Kind.FOREIGN in kinds([*LOG[:3], resigned(LOG[3], **other), *LOG[4:]])
    assert set(kinds(OTHERS)) == {Kind.FOREIGN, Kind.TRUNCATED}


def test_the_first_record_says_whose_log_it_is_where_nobody_else_does() -> None:
    assert verify(LOG, KEYS).faults == []
    [fault] = verify([*LOG, OTHERS[0]], KEYS).faults
    assert fault.kind is Kind.FOREIGN


def test_wrong_key() -> None:
    assert kinds([*LOG[:3], FORGED[3], *LOG[4:]]) == [Kind.WRONG_KEY]
    assert kinds(FORGED) == [Kind.WRONG_KEY] * COUNT
    claimed = json.loads(FORGED[3])
    claimed["signatures"][0]["keyid"] = SIGNER.public_keys()[0].fingerprint
    assert kinds([*LOG[:3], canonical.dumps(claimed), *LOG[4:]]) == [Kind.CHANGED]


def test_signed_as_something_else() -> None:
    payload = Envelope.parse(LOG[3]).payload
    other = seal(SIGNER, "application/vnd.in-toto+json", payload).line
    assert kinds([*LOG[:3], other, *LOG[4:]]) == [Kind.CHANGED]


def test_not_a_beginning() -> None:
    assert kinds([resigned(LOG[0], previous="1" * 64)], None) == [Kind.CHANGED]


def test_more_than_was_signed() -> None:
    short = Head(COUNT - 2, digest(Envelope.parse(LOG[-2]).payload))
    assert kinds(LOG, short) == [Kind.CHANGED]


def test_lines_that_are_no_records() -> None:
    assert kinds([*LOG[:3], b"", *LOG[4:]]) == [Kind.CHANGED]
    assert kinds([*LOG[:3], b"x" * (LARGEST_LINE + 1), *LOG[4:]]) == [Kind.TOO_LARGE]
    [fault] = verify([*LOG[:3], b"\x1b[2J", *LOG[4:]], KEYS, subject=ALICE, head=HEAD).faults
    assert "\x1b" not in str(fault)


def test_a_huge_number_is_not_counted_to() -> None:
    found = verify([resigned(LOG[0], sequence=canonical.LARGEST)], KEYS, subject=ALICE)
    assert [fault.kind for fault in found.faults] == [Kind.MISSING]


def test_everything_is_listed() -> None:
    lines = [LOG[0], FORGED[1], OTHERS[2], b"?", LOG[5], LOG[4], LOG[4], *LOG[7:-1]]
    assert set(kinds(lines)) == set(Kind) - {Kind.TOO_LARGE}


POOL = [*LOG, *OTHERS, *FORGED, *(resigned(line, event="Failed") for line in LOG[3:])]


def mutants() -> st.SearchStrategy[list[bytes]]:
    """Logs with some lines taken out, doubled, moved, or replaced by other signed ones."""
    edits = st.lists(
        st.tuples(
            st.sampled_from(["delete", "double", "swap", "replace", "insert", "cut"]),
            st.integers(0, COUNT - 1),
            st.integers(0, COUNT - 1),
            st.integers(0, len(POOL) - 1),
        ),
        min_size=1,
        max_size=4,
    )

    def apply(chosen: list[tuple[str, int, int, int]]) -> list[bytes]:
        lines = list(LOG)
        for edit, at, to, other in chosen:
            if at < len(lines) and to < len(lines):
                EDITS[edit](lines, at, to, POOL[other])
        return lines

    return edits.map(apply)


def swap(lines: list[bytes], at: int, to: int, _: bytes) -> None:
    lines[at], lines[to] = lines[to], lines[at]


EDITS: dict[str, Callable[[list[bytes], int, int, bytes], None]] = {
    "delete": lambda lines, at, to, line: lines.__delitem__(at),
    "double": lambda lines, at, to, line: lines.insert(to, lines[at]),
    "swap": swap,
    "replace": lambda lines, at, to, line: lines.__setitem__(at, line),
    "insert": lambda lines, at, to, line: lines.insert(at, line),
    "cut": lambda lines, at, to, line: lines.__delitem__(slice(at, None)),
}


@settings(max_examples=150, deadline=None)
@given(mutants())
def test_no_other_log_verifies(lines: list[bytes]) -> None:
    assert bool(kinds(lines)) is (lines != LOG)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_of_a_record_can_be_changed(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, COUNT - 1))
    line = bytearray(LOG[number])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    assert kinds([*LOG[:number], bytes(line), *LOG[number + 1 :]])


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(POOL)), max_size=6))
def test_it_never_fails_itself(lines: list[bytes]) -> None:
    verify(lines, KEYS, subject=ALICE, head=HEAD)


@pytest.mark.parametrize("count", [1, 2, COUNT])
def test_any_length(count: int) -> None:
    head = Head(count - 1, digest(Envelope.parse(LOG[count - 1]).payload))
    assert kinds(LOG[:count], head) == []
