"""What must be true of the lab's database, as its administrator sees it: rules, rights, settings.

Each function is pure: it says what to ask (SQL for psql, unaligned) and what is wrong with the
answer, so that tests can ask a server that is set up wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator

UNIT = "ai-lab-database"
PORT = 5432
SOCKET = "/run/ai-lab-database"
DATA = "/var/lib/postgresql/ai-lab"
CONFIGURATION = "/etc/ai-lab/database"

#: Rules of authentication as the server has read them.
RULES = (
    "SELECT type, coalesce(array_to_string(user_name, ','), ''), "
    "coalesce(address || '/' || netmask, address, ''), auth_method, "
    "coalesce(array_to_string(options, ','), ''), coalesce(error, '') "
    "FROM pg_hba_file_rules ORDER BY line_number;"
)


def rule_faults(answer: str, *, users: set[str], addresses: set[str]) -> Iterator[str]:
    """Rules that let in anybody but the administrator by the socket and `users` by certificates."""
    for line in answer.splitlines():
        kind, names, address, method, options, error = line.split("|")
        if error:
            yield f"a rule that the server does not understand: {error}"
        elif kind == "local":
            if (names, method) != ("postgres", "peer"):
                yield f"{names} comes through the socket by {method}"
        elif kind != "hostssl":
            yield f"a rule of type {kind} takes connections without TLS"
        elif (method, options) != ("cert", "clientcert=verify-full"):
            yield f"{names} from {address} comes by {method}, not by a certificate"
        elif not set(names.split(",")) <= users:
            yield f"{names} is not a user of the lab's"
        elif address not in {f"{one}/255.255.255.255" for one in addresses}:
            yield f"{names} may come from {address}"


#: Settings without which something is lost or seen, and their values.
WANTED = {
    "data_checksums": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "log_connections": "on",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
}
SETTINGS = (
    "SELECT name, setting FROM pg_settings WHERE name IN "  # noqa: S608 - names of our own
    f"({', '.join(repr(name) for name in (*WANTED, 'ssl_min_protocol_version'))});"
)


def setting_faults(answer: str) -> Iterator[str]:
    """Settings that are weaker than they must be."""
    found = dict(line.split("|", 1) for line in answer.splitlines())
    for name, wanted in WANTED.items():
        if found.get(name) != wanted:
            yield f"{name} is {found.get(name)}, not {wanted}"
    if found.get("ssl_min_protocol_version") not in ("TLSv1.2", "TLSv1.3"):
        yield f"ssl_min_protocol_version is {found.get('ssl_min_protocol_version')}"


#: Roles that can log in, and what they could do beyond their tables.
LOGINS = (
    "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls "
    "FROM pg_roles WHERE rolcanlogin AND rolname <> 'postgres';"
)


def login_faults(answer: str, *, users: set[str]) -> Iterator[str]:
    """Logins that are not declared, and users with rights over the server."""
    for line in answer.splitlines():
        name, mighty = line.split("|")
        if name not in users:
            yield f"{name} can log in and is not a user of the lab's"
        if mighty == "t":
            yield f"{name} has rights over the server"


def _tried(statement: str) -> str:
    """A statement that is tried and taken back, and whether the server refused it.

    A refusal for want of rights is the one wanted; any other error proves nothing.
    """
    return f"""
DO $$ BEGIN
    {statement};
    RAISE NOTICE 'let through';
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'refused';
    WHEN OTHERS THEN RAISE NOTICE 'unclear: %', SQLERRM;
END $$;"""


#: What a writer of evidence must not be able to do.
FORBIDDEN = {
    "change a record": "UPDATE evidence.records SET envelope = ''",
    "remove a record": "DELETE FROM evidence.records",
    "remove all records": "TRUNCATE evidence.records",
    "change a document": "UPDATE evidence.documents SET content = ''",
    "remove a document": "DELETE FROM evidence.documents",
    "switch off the triggers": "ALTER TABLE evidence.records DISABLE TRIGGER ALL",
    "take the table away": "DROP TABLE evidence.records",
    "make a table": "CREATE TABLE evidence.other ()",
    "make a schema": "CREATE SCHEMA other",
    "become the owner": "SET ROLE evidence_owner",
    "read files of the machine": "PERFORM pg_read_file('/etc/passwd')",
}
#: The control: what it must be able to do.
ALLOWED = {
    "read records": "PERFORM count(*) FROM evidence.records",
    "add a document": "INSERT INTO evidence.documents (sha256, uid, content) "
    "VALUES (encode(sha256('lab-verify'), 'hex'), 'lab-verify', 'lab-verify') "
    "ON CONFLICT DO NOTHING",
}


def grants(user: str) -> str:
    """SQL for the rights to change or remove that `user` has on any table (none should come)."""
    return (
        "SELECT c.oid::regclass, p FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, "  # noqa: S608
        "unnest(array['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) p "
        f"WHERE nspname = 'evidence' AND relkind = 'r' AND has_table_privilege('{user}', c.oid, p);"
    )


def rights(user: str) -> str:
    """SQL that tries everything as `user`, in a transaction that is never committed."""
    tried = "".join(_tried(statement) for statement in (*FORBIDDEN.values(), *ALLOWED.values()))
    return f'BEGIN;\nSET LOCAL SESSION AUTHORIZATION "{user}";{tried}\nROLLBACK;\n'


def right_faults(notices: str) -> Iterator[str]:
    """What a writer can do and must not, or cannot and must; `notices` is psql's standard error."""
    said = [line.partition("NOTICE:")[2].strip() for line in notices.splitlines()]
    said = [line for line in said if line]
    if len(said) != len(FORBIDDEN) + len(ALLOWED):
        yield f"{len(said)} answers instead of {len(FORBIDDEN) + len(ALLOWED)}"
        return
    for what, answer in zip((*FORBIDDEN, *ALLOWED), said, strict=True):
        wanted = "refused" if what in FORBIDDEN else "let through"
        if answer != wanted:
            yield f"a writer that tries to {what}: {answer}"
