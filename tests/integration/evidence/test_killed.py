"""Killed in the middle: what was acknowledged is there, without a gap, and nothing is there twice.

A killed process is no power cut: what a disk does then rests on `synchronous = FULL` and on
PostgreSQL's `fsync`, which the stores insist upon.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.errors import EvidenceUnavailable
from infra.evidence import bundle
from infra.evidence.log import EvidenceLog
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.records import Event
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Store
from infra.evidence.verification import Trusted, verify_content
from infra.paths import REPOSITORY
from tests.harness.evidence import ALICE, OPERATOR, START
from tests.harness.evidence_store import SIGNER
from tests.harness.evidence_writer import signer_of
from tests.integration.evidence.conftest import Database

#: Steps that a writer is to record, and how often it is killed before it gets there.
STEPS, KILLS = 60, 6


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_bytes(SIGNER.versions[0].private_bytes_raw())
    return file


def writer(kind: str, where: str, key: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.harness.evidence_writer", kind, where, str(key)]
    return subprocess.Popen(
        [*command, str(STEPS)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


def whole(store: Store, key: Path, acknowledged: set[int]) -> int:
    """Checks a log after a kill; its length."""
    read = store.read(ALICE.uid)
    assert [one.sequence for one in read] == list(range(len(read)))
    assert [one.idempotency_key for one in read] == [f"step-{n}" for n in range(len(read))]
    assert acknowledged <= set(range(len(read)))
    if read:
        signer = signer_of(key)
        exported = bundle.export(store, signer, ALICE.uid, at=START)
        assert verify_content(exported, Trusted(keys=signer.public_keys())).faults == []
    return len(read)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_writer_that_is_killed(kind: str, database: Database, tmp_path: Path, key: Path) -> None:
    where = str(tmp_path / "evidence.sqlite") if kind == "sqlite" else database.conninfo("operator")
    opened: Callable[[], Store] = (
        (lambda: SqliteStore(Path(where))) if kind == "sqlite" else (lambda: PostgresqlStore(where))
    )
    chance = random.Random(2026)  # noqa: S311 # where to kill, the same in each run
    acknowledged: set[int] = set()
    killed = 0
    for _ in range(KILLS):
        with writer(kind, where, key) as running:
            assert running.stdout is not None
            new = chance.randint(1, STEPS // KILLS)
            while new and (line := running.stdout.readline()):
                new -= int(line) not in acknowledged
                acknowledged.add(int(line))
            running.kill()
            # What it said before it died was acknowledged as well.
            acknowledged |= {int(line) for line in running.stdout.read().splitlines()}
            killed += running.wait(timeout=60) == -signal.SIGKILL
        store = opened()
        # One more may have been stored than was heard of.
        assert whole(store, key, acknowledged) - len(acknowledged) in {0, 1}
        store.close()
    assert killed == KILLS
    with writer(kind, where, key) as last:
        assert last.wait(timeout=300) == 0
    store = opened()
    assert whole(store, key, set(range(STEPS))) == STEPS
    store.close()


def test_a_database_that_is_killed(database: Database, key: Path) -> None:
    """The server's processes are; the writer lives, hears of it, and repeats its step."""
    store = PostgresqlStore(database.conninfo("operator"))
    log = EvidenceLog(store, signer_of(key))

    def record(number: int) -> int:
        return log.record(ALICE, Event.READY, OPERATOR, f"step-{number}").sequence

    assert [record(number) for number in range(5)] == list(range(5))
    database.server.kill()
    with pytest.raises(EvidenceUnavailable):
        record(5)
    database.server.start()
    assert [record(number) for number in range(4, 8)] == list(range(4, 8))
    assert whole(store, key, set(range(8))) == 8
    store.close()


def test_the_check_of_a_log_finds_what_it_is_for(tmp_path: Path, key: Path) -> None:
    store = SqliteStore(tmp_path / "evidence.sqlite")
    log = EvidenceLog(store, signer_of(key))
    log.record(ALICE, Event.READY, OPERATOR, "step-0")
    assert whole(store, key, {0}) == 1
    with pytest.raises(AssertionError):
        whole(store, key, {0, 1})  # acknowledged, and lost
    log.record(ALICE, Event.READY, OPERATOR, "step-2")
    with pytest.raises(AssertionError):
        whole(store, key, {0})  # a step that was left out
    store.close()
