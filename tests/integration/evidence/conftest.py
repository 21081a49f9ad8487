"""One PostgreSQL server for all tests, a database for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infra.evidence import postgresql
from infra.evidence.postgresql import PostgresqlStore
from tests.harness.evidence_postgresql import Server, running

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Database:
    """A database with the tables of evidence. Nobody who uses it is a superuser."""

    server: Server
    name: str

    def conninfo(self, user: str) -> str:
        return self.server.conninfo(self.name, user)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as found:
        found.execute("CREATE ROLE owner LOGIN CREATEROLE")
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    name = f"evidence_{next(_NUMBERS)}"
    server.execute(f"CREATE DATABASE {name} OWNER owner")
    made = Database(server, name)
    postgresql.prepare(made.conninfo("owner"))
    for login, role in (("operator", postgresql.WRITER), ("auditor", postgresql.READER)):
        if (login,) not in server.execute("SELECT rolname FROM pg_roles"):
            server.execute(f"CREATE ROLE {login} LOGIN IN ROLE {role}")
    return made


@pytest.fixture
def empty(database: Database) -> Iterator[PostgresqlStore]:
    store = PostgresqlStore(database.conninfo("operator"))
    yield store
    store.close()
