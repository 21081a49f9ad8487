"""The store of a lab: PostgreSQL. The only place that imports psycopg.

`prepare` is run once, by the owner of the database; programs of the lab then log in as members of
the writer's role, which may add and read. A password is never part of an address: it comes from a
file (`passfile=`), a client certificate, or the socket's own authentication.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infra.errors import EvidenceUnavailable
from infra.evidence.records import Subject, digest
from infra.evidence.store import COLUMNS, Entry, Log, conflict, entry_of, row

#: Roles without a login, made by `prepare`: who is a member of one has its rights.
WRITER, READER = "evidence_writer", "evidence_reader"
#: Seconds to wait for a server.
PATIENCE = 10

_SCHEMA = (Path(__file__).parent / "postgresql.sql").read_text()
_NAMES = ", ".join(COLUMNS)


class PostgresqlStore:
    """A `Store` in a PostgreSQL database. Threads may share it; a lost connection is made anew."""

    def __init__(self, conninfo: str) -> None:
        """Connects on first use.

        Raises:
            EvidenceUnavailable: the address is wrong, or has a password in it.
        """
        try:
            parts = conninfo_to_dict(conninfo)
        except psycopg.ProgrammingError as error:
            raise _unavailable("its address cannot be read") from error
        if parts.get("password"):
            raise _unavailable("its address has a password in it; use passfile or a certificate")
        self._conninfo = conninfo
        self._lock = Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def append(self, entry: Entry) -> Entry:
        values = row(entry)
        marks = ", ".join(["%s"] * len(values))
        statement = (
            f"INSERT INTO evidence.records ({_NAMES}) VALUES ({marks}) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        )
        with self._statements() as connection:
            try:
                added = connection.execute(statement, values).rowcount
            except psycopg.IntegrityError as error:
                raise conflict(entry) from error
        if added:
            return entry
        there = self.find(entry.subject.uid, entry.idempotency_key)
        if there is None:
            raise conflict(entry)
        return there

    def last(self, uid: str) -> Entry | None:
        return self._one("WHERE uid = %s ORDER BY sequence DESC LIMIT 1", (uid,))

    def find(self, uid: str, idempotency_key: str) -> Entry | None:
        return self._one("WHERE uid = %s AND idempotency_key = %s", (uid, idempotency_key))

    def read(self, uid: str) -> list[Entry]:
        return self._entries("WHERE uid = %s ORDER BY sequence", (uid,))

    def logs(self) -> list[Log]:
        with self._statements() as connection:
            rows = connection.execute(
                "SELECT DISTINCT ON (lab, sandbox, uid) lab, sandbox, uid, sequence + 1, digest "
                "FROM evidence.records ORDER BY lab, sandbox, uid, sequence DESC"
            ).fetchall()
        return [
            Log(Subject.model_construct(lab=lab, sandbox=sandbox, uid=uid), records, head)
            for lab, sandbox, uid, records, head in rows
        ]

    def keep(self, uid: str, content: bytes) -> str:
        sha256 = digest(content)
        with self._statements() as connection:
            connection.execute(
                "INSERT INTO evidence.documents (sha256, uid, content) VALUES (%s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                (sha256, uid, content),
            )
        return sha256

    def kept(self, sha256: str) -> bytes | None:
        with self._statements() as connection:
            found = connection.execute(
                "SELECT content FROM evidence.documents WHERE sha256 = %s", (sha256,)
            ).fetchone()
        return None if found is None else bytes(found[0])

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _one(self, where: str, values: tuple[str, ...]) -> Entry | None:
        return next(iter(self._entries(where, values)), None)

    def _entries(self, where: str, values: tuple[str, ...]) -> list[Entry]:
        # `where` is one of our own, above.
        with self._statements() as connection:
            rows = connection.execute(
                f"SELECT {_NAMES} FROM evidence.records {where}".encode(),  # noqa: S608
                values,
            ).fetchall()
        return [entry_of(found) for found in rows]

    @contextmanager
    def _statements(self) -> Iterator[psycopg.Connection[Any]]:
        """One thread at a time; each statement is a transaction of its own, on disk when done."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _connect(self._conninfo)
                yield self._connection
            except psycopg.IntegrityError:
                raise
            except psycopg.Error as error:
                # Also where only this statement failed: a new connection costs little.
                self._drop()
                raise _unavailable(str(error).strip()) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _connect(conninfo: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=PATIENCE)
    try:
        _keeps(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _keeps(connection: psycopg.Connection[Any]) -> None:
    """Refuses a server that may lose what it has acknowledged."""
    # A role or a database may say less; the other two are the server's alone.
    connection.execute("SET synchronous_commit = on")
    for setting in ("fsync", "full_page_writes"):
        found = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if found is None or found[0] != "on":
            raise _unavailable(f"it runs with {setting} = off and may lose what it has taken")


def prepare(conninfo: str) -> None:
    """Makes tables, triggers and roles; what is there already stays. Run by the database's owner.

    Raises:
        EvidenceUnavailable: the server does not answer, or refuses.
    """
    try:
        with psycopg.connect(conninfo, connect_timeout=PATIENCE) as connection:
            # Two that prepare at once would trip over each other.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('ai-lab evidence'))")
            for role in (WRITER, READER):
                there = connection.execute(
                    "SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)
                ).fetchone()
                if there is None:
                    connection.execute(
                        sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
                    )
            connection.execute(_SCHEMA.encode())
    except psycopg.Error as error:
        raise _unavailable(str(error).strip()) from error


def _unavailable(why: str) -> EvidenceUnavailable:
    return EvidenceUnavailable(
        f"the evidence database cannot be used: {why}.",
        next_step="see that PostgreSQL runs, keeps its data safely and knows the lab's role; the "
        "step may be repeated.",
    )
