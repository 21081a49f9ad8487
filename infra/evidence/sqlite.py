"""The embedded store: one SQLite file, for grounds without PostgreSQL, on one machine.

https://www.sqlite.org/pragma.html#pragma_synchronous: with a write-ahead log and `synchronous =
FULL`, a commit that was acknowledged survives a crash and a power cut. Triggers refuse changes
and removals; whoever owns the file can take them away, which verifying notices.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from infra.errors import EvidenceUnavailable
from infra.evidence.records import Subject, digest
from infra.evidence.store import COLUMNS, Entry, Log, conflict, entry_of, row

#: Seconds to wait for another program that is writing.
PATIENCE = 30.0

_NAMES = ", ".join(COLUMNS)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    uid TEXT NOT NULL,
    lab TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    digest TEXT NOT NULL CHECK (length(digest) = 64),
    previous_sequence INTEGER,
    previous TEXT NOT NULL CHECK (length(previous) = 64),
    idempotency_key TEXT NOT NULL,
    envelope TEXT NOT NULL,
    PRIMARY KEY (uid, sequence),
    UNIQUE (uid, idempotency_key),
    UNIQUE (uid, lab, sandbox, sequence, digest),
    CHECK ((sequence = 0) = (previous_sequence IS NULL)),
    CHECK (previous_sequence IS NULL OR previous_sequence = sequence - 1),
    FOREIGN KEY (uid, lab, sandbox, previous_sequence, previous)
        REFERENCES records (uid, lab, sandbox, sequence, digest)
) STRICT;
CREATE TABLE IF NOT EXISTS documents (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    uid TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS records_stay BEFORE DELETE ON records
    BEGIN SELECT RAISE(ABORT, 'evidence is append only'); END;
CREATE TRIGGER IF NOT EXISTS records_fixed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'evidence is append only'); END;
CREATE TRIGGER IF NOT EXISTS documents_stay BEFORE DELETE ON documents
    BEGIN SELECT RAISE(ABORT, 'evidence is append only'); END;
CREATE TRIGGER IF NOT EXISTS documents_fixed BEFORE UPDATE ON documents
    BEGIN SELECT RAISE(ABORT, 'evidence is append only'); END;
-- REPLACE removes rows without the triggers above: what is there already is not inserted at all.
CREATE TRIGGER IF NOT EXISTS records_first BEFORE INSERT ON records
    WHEN EXISTS (SELECT 1 FROM records WHERE uid = NEW.uid
        AND (sequence = NEW.sequence OR idempotency_key = NEW.idempotency_key))
    BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER IF NOT EXISTS documents_first BEFORE INSERT ON documents
    WHEN EXISTS (SELECT 1 FROM documents WHERE sha256 = NEW.sha256)
    BEGIN SELECT RAISE(IGNORE); END;
"""


class SqliteStore:
    """A `Store` in one file, made if it is not there (mode 0600). Threads may share it."""

    def __init__(self, file: Path) -> None:
        """Raises EvidenceUnavailable if the file cannot be used, or not be kept safely."""
        self._file = file
        self._lock = Lock()
        try:
            file.touch(mode=0o600)
            self._connection = sqlite3.connect(
                file, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unavailable(error) from error
        try:
            with self._statements() as connection:
                self._prepare(connection)
        except EvidenceUnavailable:
            self._connection.close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
        if mode != "wal" or synchronous != 2:
            raise sqlite3.OperationalError(f"journal {mode}, synchronous {synchronous}")
        connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")

    def append(self, entry: Entry) -> Entry:
        values = row(entry)
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO records ({_NAMES}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        with self._statements() as connection:
            try:
                added = connection.execute(sql, values).rowcount
            except sqlite3.IntegrityError as error:
                raise conflict(entry) from error
        if added:
            return entry
        there = self.find(entry.subject.uid, entry.idempotency_key)
        if there is None:
            raise conflict(entry)
        return there

    def last(self, uid: str) -> Entry | None:
        return self._one("WHERE uid = ? ORDER BY sequence DESC LIMIT 1", (uid,))

    def find(self, uid: str, idempotency_key: str) -> Entry | None:
        return self._one("WHERE uid = ? AND idempotency_key = ?", (uid, idempotency_key))

    def read(self, uid: str) -> list[Entry]:
        return self._entries("WHERE uid = ? ORDER BY sequence", (uid,))

    def logs(self) -> list[Log]:
        sql = (
            "SELECT lab, sandbox, uid, sequence + 1, digest FROM records AS r WHERE sequence = "
            "(SELECT max(sequence) FROM records WHERE uid = r.uid) ORDER BY lab, sandbox, uid"
        )
        with self._statements() as connection:
            rows = connection.execute(sql).fetchall()
        return [
            Log(Subject.model_construct(lab=lab, sandbox=sandbox, uid=uid), records, head)
            for lab, sandbox, uid, records, head in rows
        ]

    def keep(self, uid: str, content: bytes) -> str:
        sha256 = digest(content)
        with self._statements() as connection:
            connection.execute(
                "INSERT INTO documents (sha256, uid, content) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (sha256, uid, content),
            )
        return sha256

    def kept(self, sha256: str) -> bytes | None:
        with self._statements() as connection:
            found = connection.execute(
                "SELECT content FROM documents WHERE sha256 = ?", (sha256,)
            ).fetchone()
        return None if found is None else bytes(found[0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _one(self, where: str, values: tuple[str, ...]) -> Entry | None:
        return next(iter(self._entries(where, values)), None)

    def _entries(self, where: str, values: tuple[str, ...]) -> list[Entry]:
        # `where` is one of our own, above.
        with self._statements() as connection:
            rows = connection.execute(f"SELECT {_NAMES} FROM records {where}", values)  # noqa: S608
            with closing(rows):
                return [entry_of(found) for found in rows]

    @contextmanager
    def _statements(self) -> Iterator[sqlite3.Connection]:
        """One thread at a time; each statement is a transaction of its own."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> EvidenceUnavailable:
        return EvidenceUnavailable(
            f"the evidence store {self._file} cannot be used: {error}.",
            next_step="see that its folder can be written and its disk has room; the step may be "
            "repeated.",
        )
