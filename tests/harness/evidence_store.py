"""What every store of evidence must do; run against each of them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from infra.errors import EvidenceConflict
from infra.evidence import bundle
from infra.evidence.chain import follow
from infra.evidence.dsse import seal
from infra.evidence.log import EvidenceLog
from infra.evidence.records import RECORD_TYPE, Event, Record, Subject, digest
from infra.evidence.store import Entry, Store
from infra.evidence.verification import Trusted, verify_content
from tests.harness.evidence import ALICE, LIFE, MALLORY, OPERATOR, START, MemorySigner, die, live

SIGNER = MemorySigner()


def entry(last: Record | None, key: str, subject: Subject = ALICE) -> Entry:
    """The next entry of a log."""
    record = follow(
        subject,
        last,
        time=START,
        event=Event.READY,
        actor=OPERATOR,
        idempotency_key=key,
        details={},
    )
    return Entry.of(record, seal(SIGNER, RECORD_TYPE, record.canonical()))


class StoreContract:
    """Subclasses have a fixture `empty`: a store with nothing in it."""

    def test_it_keeps_a_log_in_order(self, empty: Store) -> None:
        live(empty, SIGNER)
        live(empty, SIGNER, MALLORY, steps=2)
        read = empty.read(ALICE.uid)
        assert [one.sequence for one in read] == list(range(len(LIFE)))
        assert [one.record.event for one in read] == [event for event, _, _ in LIFE]
        assert empty.last(ALICE.uid) == read[-1]
        assert empty.find(ALICE.uid, "ready") == read[4]
        listed = {one.subject.sandbox: (one.records, one.head) for one in empty.logs()}
        assert listed["alice"] == (len(LIFE), read[-1].digest)
        assert listed["mallory"][0] == 2

    def test_it_has_nothing_of_what_it_was_not_given(self, empty: Store) -> None:
        assert empty.read(ALICE.uid) == []
        assert empty.last(ALICE.uid) is None
        assert empty.find(ALICE.uid, "ready") is None
        assert empty.logs() == []
        assert empty.kept("0" * 64) is None

    def test_a_step_is_there_once(self, empty: Store) -> None:
        first = entry(None, "a")
        assert empty.append(first) == first
        again = entry(first.record, "a")
        assert empty.append(again) == first
        assert empty.append(first) == first
        assert empty.read(ALICE.uid) == [first]
        # The same key in another log is another step.
        other = entry(None, "a", MALLORY)
        assert empty.append(other) == other

    def test_no_gap_no_fork_no_other_name(self, empty: Store) -> None:
        first, other = entry(None, "a"), entry(None, "b")
        second = entry(first.record, "c")
        with pytest.raises(EvidenceConflict, match="cannot be appended"):
            empty.append(second)
        empty.append(first)
        with pytest.raises(EvidenceConflict):
            empty.append(other)  # its place is taken
        with pytest.raises(EvidenceConflict):
            empty.append(entry(second.record, "d"))  # a gap
        with pytest.raises(EvidenceConflict):
            empty.append(replace(second, previous="1" * 64))  # does not follow
        with pytest.raises(EvidenceConflict):
            empty.append(replace(entry(None, "e", MALLORY), previous="1" * 64))  # no beginning
        bob = ALICE.model_copy(update={"sandbox": "bob"})
        with pytest.raises(EvidenceConflict):
            empty.append(replace(second, subject=bob))
        assert empty.append(second) == second
        assert empty.read(ALICE.uid) == [first, second]

    def test_documents_are_found_by_their_digest(self, empty: Store) -> None:
        content = bytes(range(256))
        assert empty.keep(ALICE.uid, content) == empty.keep(ALICE.uid, content) == digest(content)
        assert empty.kept(digest(content)) == content

    def test_writers_that_race(self, empty: Store) -> None:
        """Four threads, some of them with the same steps: no gap, none lost, none twice."""
        faults: list[BaseException] = []
        begin = threading.Barrier(4)

        def write(number: int) -> None:
            log = EvidenceLog(empty, SIGNER)
            begin.wait()
            try:
                for step in range(10):
                    own = f"{number}-{step}" if step % 2 else f"shared-{step}"
                    log.record(ALICE, Event.READY, OPERATOR, own)
            except BaseException as error:  # noqa: BLE001 # shown by the assertion below
                faults.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        read = empty.read(ALICE.uid)
        assert [one.sequence for one in read] == list(range(4 * 5 + 5))
        assert set(Counter(one.idempotency_key for one in read).values()) == {1}
        self.whole(empty)

    def test_a_life_and_its_bundle(self, empty: Store) -> None:
        die(live(empty, SIGNER))
        self.whole(empty)

    @staticmethod
    def whole(store: Store) -> None:
        exported = bundle.export(store, SIGNER, ALICE.uid, at=START)
        assert verify_content(exported, Trusted(keys=SIGNER.public_keys())).faults == []
