"""What the role postgresql makes of a server, and that the live checks see it when it is not so."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.evidence import postgresql as evidence
from infra.evidence.postgresql import PostgresqlStore
from infra.hosts import restoring
from infra.hosts.database import CONTENT, EVIDENCE
from infra.paths import REPOSITORY
from tests.harness import postgresql
from tests.harness.evidence import ALICE, LIFE, MemorySigner, live
from tests.harness.postgresql import LabDatabase, server
from tests.integration.database.conftest import WRITER, Ground
from tests.live.support import database as checks
from tests.live.support import postgresql as wire
from tests.live.support import tls
from tests.unit.ansible.test_backup import make_recipient

USERS = {user.name for content in CONTENT for user in content.users}


@pytest.fixture
def database(ground: Ground) -> LabDatabase:
    return ground.database


# What is there.


def test_a_second_run_changes_nothing(database: LabDatabase) -> None:
    assert database.admin.set_up(server.parse(database.databases)) == []
    assert server.make(database.data, postgresql.USER, database.programs) is False


def test_the_data_is_the_servers_alone(database: LabDatabase) -> None:
    assert stat.S_IMODE(database.data.stat().st_mode) == 0o700
    socket = database.folder / "socket" / f".s.PGSQL.{database.port}"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700


def test_the_roles_are_those_that_the_schema_knows() -> None:
    """The playbook makes them beforehand, so the owner need not be able to make roles."""
    assert set(EVIDENCE.groups) == {evidence.WRITER, evidence.READER}
    schema = (postgresql.ROLE / "files" / EVIDENCE.schema).resolve()
    assert schema == Path(evidence.__file__).with_name("postgresql.sql")


def test_little_memory_is_used(database: LabDatabase) -> None:
    found = database.memory
    assert 1024 < found < 45 * 1024, f"{found} KiB"


def test_it_listens_on_one_address(database: LabDatabase) -> None:
    assert database.admin.run("SHOW listen_addresses;").strip() == "127.0.0.1"
    told = wire.attempt(("127.0.0.2", database.port), user=WRITER, database="evidence")
    assert told.startswith("unreachable")


# The live checks: right with this server, red with a worse one.


def test_old_protocols_are_found(database: LabDatabase) -> None:
    address = ("127.0.0.1", database.port)
    assert tls.faults(tls.survey(address, tls.POSTGRESQL)) == []
    before = (database.configuration / "postgresql.conf").read_text()
    weak = "ssl_min_protocol_version = 'TLSv1'\nssl_ciphers = 'ALL:@SECLEVEL=0'\n"
    database.write("postgresql.conf", before + weak)
    database.reload()
    try:
        found = tls.faults(tls.survey(address, tls.POSTGRESQL))
        assert any(fault.startswith("TLSv1:") for fault in found), found
        assert any(fault.startswith("ciphers without") for fault in found), found
    finally:
        database.write("postgresql.conf", before)
        database.reload()


def ask(database: LabDatabase, statements: str, name: str = "evidence") -> tuple[str, str]:
    """Output and notices of psql, as the live checks have them from the machine."""
    done = subprocess.run(
        [
            str(database.programs / "psql"), "-XqAt", f"--host={database.admin.socket}",
            f"--port={database.port}", "--username=postgres", f"--dbname={name}", "--file=-",
        ],
        input=statements, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


def rule_faults(database: LabDatabase) -> list[str]:
    answer, _ = ask(database, checks.RULES)
    return list(checks.rule_faults(answer, users=USERS, addresses={"127.0.0.1"}))


def right_faults(database: LabDatabase) -> list[str]:
    return list(checks.right_faults(ask(database, checks.rights(WRITER))[1]))


def test_nothing_is_wrong_with_this_server(database: LabDatabase) -> None:
    assert rule_faults(database) == []
    assert right_faults(database) == []
    assert ask(database, checks.grants(WRITER))[0] == ""
    assert list(checks.setting_faults(ask(database, checks.SETTINGS)[0])) == []
    assert list(checks.login_faults(ask(database, checks.LOGINS)[0], users=USERS)) == []


@contextmanager
def rules(database: LabDatabase, added: str) -> Iterator[None]:
    """A rule before all others."""
    name = "pg_hba.conf"
    before = (database.configuration / name).read_text()
    database.write(name, f"{added}\n{before}")
    database.reload()
    try:
        yield
    finally:
        database.write(name, before)
        database.reload()


BAD_RULES = {
    "trust": ("hostssl all all 127.0.0.1/32 trust", "accepted"),
    "a password": ("hostssl all all 127.0.0.1/32 scram-sha-256", "asks for a password (scram)"),
    "a weak password": ("hostssl all all 127.0.0.1/32 md5", "asks for a password"),
    "without tls": ("hostnossl all all 127.0.0.1/32 trust", ""),
    "any certificate": ("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca", ""),
    "from anywhere": (f"hostssl evidence {WRITER} 0.0.0.0/0 cert", ""),
    "from a neighbour": (f"hostssl evidence {WRITER} 127.0.0.1/8 cert", ""),
    "another user": ("hostssl evidence evidence_owner 127.0.0.1/32 cert", ""),
    "everybody on the machine": ("local all all trust", ""),
    "no rule at all": ("hostssl nonsense", ""),
}


@pytest.mark.parametrize("bad", BAD_RULES)
def test_a_rule_that_lets_in_others_is_found(database: LabDatabase, bad: str) -> None:
    rule, without_certificate = BAD_RULES[bad]
    if bad == "no rule at all":
        # The server keeps the rules that it had; its view shows the one that it cannot read.
        before = (database.configuration / "pg_hba.conf").read_text()
        database.write("pg_hba.conf", f"{rule}\n{before}")
        found = rule_faults(database)
        database.write("pg_hba.conf", before)
        assert found
        return
    with rules(database, rule):
        assert rule_faults(database)
        if without_certificate:
            told = wire.attempt(("127.0.0.1", database.port), user=WRITER, database="evidence")
            assert told.startswith(without_certificate)


BAD_RIGHTS = {
    "the right to change": (
        "GRANT UPDATE ON evidence.records TO evidence_writer; "
        "ALTER TABLE evidence.records DISABLE TRIGGER append_only",
        "REVOKE UPDATE ON evidence.records FROM evidence_writer; "
        "ALTER TABLE evidence.records ENABLE TRIGGER append_only",
    ),
    "the owner's rights": (
        f'GRANT evidence_owner TO "{WRITER}"',
        f'REVOKE evidence_owner FROM "{WRITER}"',
    ),
    "the server's files": (
        f'GRANT pg_read_server_files TO "{WRITER}"; '
        f'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO "{WRITER}"',
        f'REVOKE pg_read_server_files FROM "{WRITER}"; '
        f'REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM "{WRITER}"',
    ),
    "no right to read": (
        "REVOKE SELECT ON evidence.records FROM evidence_writer",
        "GRANT SELECT ON evidence.records TO evidence_writer",
    ),
}


@pytest.mark.parametrize("bad", BAD_RIGHTS)
def test_a_right_too_many_or_too_few_is_found(database: LabDatabase, bad: str) -> None:
    given, taken = BAD_RIGHTS[bad]
    ask(database, given)
    try:
        assert right_faults(database)
    finally:
        ask(database, taken)
    assert right_faults(database) == []


def test_a_right_that_only_a_trigger_holds_back_is_found(database: LabDatabase) -> None:
    ask(database, "GRANT UPDATE ON evidence.records TO evidence_writer")
    try:
        assert right_faults(database) == []
        assert ask(database, checks.grants(WRITER))[0].strip() == "evidence.records|UPDATE"
    finally:
        ask(database, "REVOKE UPDATE ON evidence.records FROM evidence_writer")


@pytest.mark.parametrize("setting", [*checks.WANTED, "ssl_min_protocol_version"])
def test_a_weaker_setting_is_found(database: LabDatabase, setting: str) -> None:
    answer, _ = ask(database, checks.SETTINGS)
    weaker = "\n".join(
        f"{setting}|{'TLSv1' if setting.startswith('ssl_min') else 'off'}"
        if line.startswith(f"{setting}|")
        else line
        for line in answer.splitlines()
    )
    assert list(checks.setting_faults(weaker))


def test_a_login_too_many_or_too_mighty_is_found_and_the_next_run_shuts_it_out(
    database: LabDatabase,
) -> None:
    ask(database, "CREATE ROLE intruder LOGIN SUPERUSER PASSWORD 'guess'", "postgres")
    try:
        faults = list(checks.login_faults(ask(database, checks.LOGINS)[0], users=USERS))
        assert len(faults) == 2
        assert database.admin.set_up(server.parse(database.databases)) == ["shut out intruder"]
        assert list(checks.login_faults(ask(database, checks.LOGINS)[0], users=USERS)) == []
    finally:
        ask(database, "DROP ROLE intruder", "postgres")


# Changes, and what a killed run leaves.


def declared(*databases: dict[str, Any]) -> list[Any]:
    return server.parse([{"groups": [], "schema": "", **one} for one in databases])


def of(user: str, *groups: str) -> dict[str, Any]:
    return {"name": user, "groups": list(groups)}


@pytest.fixture
def other(ground: Ground) -> Iterator[LabDatabase]:
    """A server of its own, for what would spoil the common one."""
    authority = (ground.database.configuration / "clients.crt").read_text()
    with postgresql.running(authority, [content.variables for content in CONTENT]) as made:
        yield made


def test_changes_are_made_and_who_is_taken_off_the_list_is_out(other: LabDatabase) -> None:
    ours = server.parse(other.databases)
    more = declared(
        {"name": "mlflow", "users": [of("mlflow", "mlflow_owner")]},
        {"name": "spare", "groups": ["spare_reader"], "users": [of("reader", "spare_reader")]},
    )
    assert other.admin.set_up([*ours, *more]) == ["set up mlflow", "set up spare"]
    assert other.admin.set_up([*ours, *more]) == []
    other.admin.run("SET ROLE mlflow; CREATE SCHEMA runs;", "mlflow")
    with pytest.raises(server.CommandError, match="permission denied"):
        other.admin.run("SET SESSION AUTHORIZATION mlflow; SET ROLE evidence_writer;")
    assert other.admin.set_up(ours) == ["shut out mlflow", "shut out reader"]
    memberships = other.admin.run(
        "SELECT roleid::regrole FROM pg_auth_members JOIN pg_roles r ON r.oid = member "  # noqa: S608
        f"WHERE rolname = '{WRITER}';"
    )
    assert memberships.split() == ["evidence_writer"]


def test_a_run_that_was_killed_is_made_good(other: LabDatabase) -> None:
    """Its mark is written last; half of a schema is never there."""
    ours = server.parse(other.databases)
    other.admin.run("COMMENT ON DATABASE evidence IS NULL;")
    other.admin.run(
        f'DROP SCHEMA evidence CASCADE; GRANT evidence_owner TO "{WRITER}";', "evidence"
    )
    broken = ours[0]._replace(schema=f"{ours[0].schema}\nSELECT nonsense;")
    with pytest.raises(server.CommandError, match="nonsense"):
        other.admin.set_up([broken])
    assert other.admin.run("SELECT to_regclass('evidence.records');", "evidence").strip() == ""
    assert other.admin.set_up(ours) == ["set up evidence"]
    assert right_faults(other) == []


@pytest.mark.parametrize("name", ["Evidence", "a b", "x'; DROP", "", "-x", "a" * 64])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    for document in (
        {"name": name, "users": []},
        {"name": "x", "users": [of(name)]},
        {"name": "x", "users": [of("y", name)]},
        {"name": "x", "users": [], "groups": [name]},
    ):
        with pytest.raises(server.ServerError, match="cannot be the name"):
            declared(document)


def test_a_user_works_in_one_database() -> None:
    with pytest.raises(server.ServerError, match="y is declared twice"):
        declared({"name": "a", "users": [of("y")]}, {"name": "b", "users": [of("y")]})


def test_another_version_never_opens_the_data(tmp_path: Path) -> None:
    programs, data = tmp_path / "programs", tmp_path / "data"
    for version in ("9.6", "15", "17"):
        (programs / version / "bin").mkdir(parents=True)
        (programs / version / "bin" / "postgres").touch()
    assert server.binaries(data, programs) == programs / "17" / "bin"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    assert server.binaries(data, programs) == programs / "15" / "bin"
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(server.ServerError, match="install postgresql-16"):
        server.binaries(data, programs)
    with pytest.raises(server.ServerError, match="no PostgreSQL below"):
        server.binaries(tmp_path / "none", tmp_path / "nowhere")


def test_a_folder_whose_disk_is_not_open_is_left_alone(tmp_path: Path) -> None:
    units, data = tmp_path / "units", tmp_path / "a-b" / "data"
    units.mkdir()
    server.require_mounted(data, units)
    escaped = str(tmp_path / "a-b")[1:].replace("-", "\\x2d").replace("/", "-")
    (units / f"{escaped}.mount").touch()
    with pytest.raises(server.ServerError, match="is not mounted"):
        server.require_mounted(data, units)


def test_a_folder_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"lab-postgresql-{tmp_path.name}"  # noqa: S108 - others must get there
    data = folder / "data"
    try:
        left = folder / "data.new"
        left.mkdir(parents=True)
        (left / "PG_VERSION").write_text("1")
        assert server.make(data, postgresql.USER, server.binaries(data)) is True
        assert not left.exists()
        assert server.make(data, postgresql.USER, server.binaries(data)) is False
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


# Copies.


def test_a_copy_is_for_its_recipient_and_goes_back_whole(
    other: LabDatabase, ground: Ground, writer: str, tmp_path: Path
) -> None:
    """The runbook's steps, on a server that lost everything."""
    conninfo = psycopg.conninfo.make_conninfo(writer, port=other.port, sslrootcert=str(other.ca))
    store = PostgresqlStore(conninfo)
    live(store, MemorySigner())
    before = store.read(ALICE.uid)
    store.close()
    certificate, key = make_recipient(tmp_path, "copies")
    memory, kept = tmp_path / "memory", tmp_path / "kept"
    memory.mkdir()
    kept.mkdir()
    settings = tmp_path / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "lab": "site", "folder": str(kept), "keep": 3, "recipient": str(certificate),
                "socket": str(other.admin.socket), "port": other.port, "data": str(other.data),
            }
        )
    )  # fmt: skip
    script = REPOSITORY / "ansible" / "roles" / "backup" / "files" / "take_copy.py"
    done = subprocess.run(
        [sys.executable, str(script), "database", str(settings)],
        env=os.environ | {"RUNTIME_DIRECTORY": str(memory)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [copy] = kept.iterdir()
    assert copy.name.startswith("site-database-")

    other.admin.run("DROP DATABASE evidence;")
    assert other.admin.set_up(server.parse(other.databases)) == ["set up evidence"]
    with restoring.opened(copy, certificate=certificate, key=key) as content:
        way_in = (f"--host={other.admin.socket}", f"--port={other.port}", "--username=postgres")
        subprocess.run(
            [str(other.programs / "pg_restore"), *way_in, "--dbname=evidence", "--clean",
             "--if-exists", "--single-transaction", str(content / "evidence.dump")],
            check=True,
        )  # fmt: skip
    store = PostgresqlStore(conninfo)
    assert store.read(ALICE.uid) == before
    assert len(before) == len(LIFE)
    store.close()
    assert right_faults(other) == []
    assert ask(other, checks.grants(WRITER))[0] == ""
