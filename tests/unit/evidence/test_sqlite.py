from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import EvidenceUnavailable
from infra.evidence.sqlite import SqliteStore
from tests.harness.evidence import ALICE, live
from tests.harness.evidence_store import SIGNER, StoreContract


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evidence.sqlite"


@pytest.fixture
def empty(file: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(file)
    yield store
    store.close()


class TestSqlite(StoreContract):
    """Everything that a store must do."""

    def test_it_is_there_after_it_was_closed(self, empty: SqliteStore, file: Path) -> None:
        live(empty, SIGNER)
        read = empty.read(ALICE.uid)
        empty.close()
        again = SqliteStore(file)
        assert again.read(ALICE.uid) == read
        again.close()

    def test_two_programs_share_it(self, empty: SqliteStore, file: Path) -> None:
        other = SqliteStore(file)
        live(empty, SIGNER)
        assert other.read(ALICE.uid) == empty.read(ALICE.uid)
        other.close()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE records SET envelope = ''",
            "DELETE FROM records",
            "UPDATE documents SET content = x'00'",
            "DELETE FROM documents",
        ],
    )
    def test_nothing_is_changed_or_removed(
        self, empty: SqliteStore, file: Path, statement: str
    ) -> None:
        live(empty, SIGNER, steps=3)
        kept = empty.keep(ALICE.uid, b"content")
        refused = pytest.raises(sqlite3.IntegrityError, match="append only")
        with sqlite3.connect(file) as somebody, refused:
            somebody.execute(statement)
        assert len(empty.read(ALICE.uid)) == 3
        assert empty.kept(kept) == b"content"

    def test_nothing_is_replaced(self, empty: SqliteStore, file: Path) -> None:
        """SQLite removes what it replaces without asking triggers about removals."""
        live(empty, SIGNER, steps=3)
        kept = empty.keep(ALICE.uid, b"content")
        before = empty.read(ALICE.uid)
        with sqlite3.connect(file) as somebody:
            somebody.execute("REPLACE INTO documents SELECT sha256, 'x', x'00' FROM documents")
            columns = "uid, lab, sandbox, sequence, digest, previous_sequence, previous"
            for key in ("idempotency_key", "'new' || sequence"):
                somebody.execute(f"REPLACE INTO records SELECT {columns}, {key}, '' FROM records")  # noqa: S608
        assert empty.read(ALICE.uid) == before
        assert empty.kept(kept) == b"content"

    def test_it_is_for_its_owner_and_as_durable_as_sqlite_gets(
        self, empty: SqliteStore, file: Path
    ) -> None:
        live(empty, SIGNER, steps=1)
        for one in file.parent.iterdir():
            assert stat.S_IMODE(one.stat().st_mode) == 0o600, one
        settings = {
            name: empty._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(EvidenceUnavailable, match="no-folder"):
        SqliteStore(tmp_path / "no-folder" / "evidence.sqlite")
    file = tmp_path / "text"
    file.write_text("no database" * 1000)
    with pytest.raises(EvidenceUnavailable, match="not a database"):
        SqliteStore(file)


def test_a_journal_that_is_not_safe_is_refused() -> None:
    """SQLite keeps no write-ahead log of a database in memory, and says so."""
    with pytest.raises(EvidenceUnavailable, match="journal memory"):
        SqliteStore(_Memory(":memory:"))


class _Memory(type(Path())):  # type: ignore[misc]
    def touch(self, *_: object, **__: object) -> None:
        """There is no such file."""


def test_a_store_that_went_away(empty: SqliteStore) -> None:
    empty.close()
    with pytest.raises(EvidenceUnavailable, match="closed"):
        empty.logs()


def test_an_older_file_is_used_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "evidence.sqlite"
    SqliteStore(file).close()
    os.chmod(file, 0o640)  # noqa: PTH101
    SqliteStore(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
