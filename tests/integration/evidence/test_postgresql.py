from __future__ import annotations

import psycopg
import pytest

from infra.errors import EvidenceUnavailable
from infra.evidence import postgresql
from infra.evidence.postgresql import PostgresqlStore
from tests.harness.evidence import ALICE, LIFE, live
from tests.harness.evidence_postgresql import Server
from tests.harness.evidence_store import SIGNER, StoreContract, entry
from tests.integration.evidence.conftest import Database


class TestPostgresql(StoreContract):
    """Everything that a store must do, as a member of the writer's role."""


STATEMENTS = {
    "change": "UPDATE evidence.records SET envelope = ''",
    "change a document": "UPDATE evidence.documents SET content = ''",
    "remove": "DELETE FROM evidence.records",
    "remove the last": "DELETE FROM evidence.records WHERE sequence = 10",
    "remove documents": "DELETE FROM evidence.documents",
    "empty": "TRUNCATE evidence.records",
    "upsert": "INSERT INTO evidence.records SELECT * FROM evidence.records "
    "ON CONFLICT (uid, sequence) DO UPDATE SET envelope = ''",
}
#: What only the writer's rights forbid; an owner may do that.
FURTHER = {
    "drop": "DROP TABLE evidence.records",
    "drop the trigger": "DROP TRIGGER append_only ON evidence.records",
    "disable triggers": "ALTER TABLE evidence.records DISABLE TRIGGER ALL",
    "skip triggers": "SET session_replication_role = replica",
    "another table": "CREATE TABLE evidence.other (a int)",
    "replace the function": "CREATE OR REPLACE FUNCTION evidence.refuse() RETURNS trigger "
    "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "become the owner": "SET ROLE owner",
}


@pytest.mark.parametrize("what", [*STATEMENTS, *FURTHER])
@pytest.mark.parametrize("login", ["operator", "auditor"])
def test_nobody_of_the_lab_can_change_or_remove_a_record(
    what: str, login: str, empty: PostgresqlStore, database: Database
) -> None:
    live(empty, SIGNER)
    kept = empty.keep(ALICE.uid, b"content")
    before = empty.read(ALICE.uid)
    statement = (STATEMENTS | FURTHER)[what]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.server.execute(statement, database.name, login)
    assert empty.read(ALICE.uid) == before
    assert empty.kept(kept) == b"content"


@pytest.mark.parametrize("what", STATEMENTS)
@pytest.mark.parametrize("login", ["owner", "postgres"])
def test_triggers_refuse_the_owner_too(
    what: str, login: str, empty: PostgresqlStore, database: Database
) -> None:
    """By mistake, that is: who owns a table can take its triggers away. Verifying finds that."""
    live(empty, SIGNER)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append only"):
        database.server.execute(STATEMENTS[what], database.name, login)
    assert len(empty.read(ALICE.uid)) == len(LIFE)


def test_an_auditor_reads_and_adds_nothing(empty: PostgresqlStore, database: Database) -> None:
    live(empty, SIGNER)
    auditor = PostgresqlStore(database.conninfo("auditor"))
    assert auditor.read(ALICE.uid) == empty.read(ALICE.uid)
    last = empty.read(ALICE.uid)[-1].record
    with pytest.raises(EvidenceUnavailable, match="permission denied"):
        auditor.append(entry(last, "mine"))
    with pytest.raises(EvidenceUnavailable, match="permission denied"):
        auditor.keep(ALICE.uid, b"mine")
    auditor.close()


def test_strangers_see_nothing(database: Database) -> None:
    database.server.execute("CREATE ROLE stranger LOGIN")
    store = PostgresqlStore(database.conninfo("stranger"))
    with pytest.raises(EvidenceUnavailable, match="permission denied"):
        store.logs()
    store.close()


def test_preparing_again_changes_nothing(empty: PostgresqlStore, database: Database) -> None:
    live(empty, SIGNER)
    before = empty.read(ALICE.uid)
    postgresql.prepare(database.conninfo("owner"))
    assert empty.read(ALICE.uid) == before
    with pytest.raises(EvidenceUnavailable, match="permission denied"):
        postgresql.prepare(database.conninfo("operator"))


def test_a_lost_connection_is_made_anew(empty: PostgresqlStore, database: Database) -> None:
    live(empty, SIGNER)
    database.server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'operator'"
    )
    with pytest.raises(EvidenceUnavailable, match="may be repeated"):
        empty.logs()
    assert len(empty.read(ALICE.uid)) == len(LIFE)


def test_an_address_with_a_password_is_refused() -> None:
    for conninfo in ("host=h password=canary", "postgresql://me:canary@h/db"):
        with pytest.raises(EvidenceUnavailable, match="password in it") as caught:
            PostgresqlStore(conninfo)
        assert "canary" not in str(caught.value)
    with pytest.raises(EvidenceUnavailable, match="cannot be read") as caught:
        PostgresqlStore("password canary")
    assert "canary" not in str(caught.value)


def test_nobody_listens(tmp_path: object) -> None:
    store = PostgresqlStore(f"host={tmp_path} dbname=x user=x")
    with pytest.raises(EvidenceUnavailable, match="No such file"):
        store.logs()
    store.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_acknowledged_is_refused(
    setting: str, server: Server, database: Database
) -> None:
    server.stop()
    server.start(**{setting: "off"})
    try:
        store = PostgresqlStore(database.conninfo("operator"))
        with pytest.raises(EvidenceUnavailable, match=f"{setting} = off"):
            store.logs()
        store.close()
    finally:
        server.stop()
        server.start()


def test_a_database_that_is_said_to_be_fast_is_made_safe(database: Database) -> None:
    database.server.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    store = PostgresqlStore(database.conninfo("operator"))
    live(store, SIGNER, steps=1)
    assert store._connection is not None
    assert store._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    store.close()
