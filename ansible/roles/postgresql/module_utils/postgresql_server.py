"""One server's data folder, programs, databases and roles. Runs on the machine, as root.

Standard library and PostgreSQL's own programs only. What is set up is recorded in the database
itself, as its comment, when it is complete: a copy that is put back without it is set up again.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.ailab_system import CommandError, run

#: Where Debian puts the programs of each major version.
PROGRAMS = Path("/usr/lib/postgresql")
UNITS = Path("/etc/systemd/system")
#: The role that root of the machine comes as.
ADMINISTRATOR = "postgres"
#: Names that need no quoting anywhere: they become part of files and statements.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_MARK = "set up by the role postgresql: "


class ServerError(Exception):
    """Something that a person has to look at; the message says what."""


class User(NamedTuple):
    """A role that logs in, and the groups that it belongs to."""

    name: str
    groups: tuple[str, ...]


class Database(NamedTuple):
    """A database; `schema` is SQL that its owner applies, and may be applied again."""

    name: str
    groups: tuple[str, ...]
    users: tuple[User, ...]
    schema: str

    @property
    def owner(self) -> str:
        return f"{self.name}_owner"

    @property
    def mark(self) -> str:
        """What it is set up as: every statement that does it."""
        statements = [*_roles(self), *_rights(self), self.schema]
        return _MARK + hashlib.sha256("\n".join(statements).encode()).hexdigest()


def parse(declared: Iterable[dict[str, Any]]) -> list[Database]:
    """Databases as Ansible gives them.

    Raises:
        ServerError: a name is not one, or a user works in two databases.
    """
    found: list[Database] = []
    for one in declared:
        users = tuple(User(user["name"], tuple(user["groups"])) for user in one["users"])
        database = Database(one["name"], tuple(one["groups"]), users, one["schema"])
        names = [database.name, *database.groups, *(user.name for user in users)]
        names += [group for user in users for group in user.groups]
        for name in names:
            if not _NAME.fullmatch(name):
                raise ServerError(f"{name!r} cannot be the name of a database or a role.")
        found.append(database)
    logins = [user.name for database in found for user in database.users]
    for name in logins:
        if logins.count(name) > 1:
            raise ServerError(f"{name} is declared twice: each user works in one database.")
    return found


def binaries(data: Path, programs: Path = PROGRAMS) -> Path:
    """The programs of the version that made the data; of the newest, where there is none yet.

    Raises:
        ServerError: they are not installed.
    """
    installed = {
        folder.name: folder / "bin"
        for folder in programs.glob("*")
        if (folder / "bin" / "postgres").is_file()
    }
    made_by = data / "PG_VERSION"
    if made_by.is_file():
        version = made_by.read_text().strip()
        if version not in installed:
            raise ServerError(
                f"{data} was made by PostgreSQL {version}, which is not installed (only "
                f"{', '.join(sorted(installed)) or 'none'}): install postgresql-{version}, or put "
                "a copy back into a new folder."
            )
        return installed[version]
    if not installed:
        raise ServerError(f"there is no PostgreSQL below {programs}.")
    return installed[max(installed, key=float)]


def require_mounted(data: Path, units: Path = UNITS) -> None:
    """Refuses a folder whose disk is not there: what is on the disk would seem to be lost.

    Raises:
        ServerError: a unit mounts something above `data`, and it is not mounted.
    """
    for folder in (data, *data.parents):
        escaped = str(folder)[1:].replace("-", "\\x2d").replace("/", "-")
        if (units / f"{escaped}.mount").is_file() and not folder.is_mount():
            raise ServerError(f"{folder} is not mounted: its disk is not open.")


def make(data: Path, user: str, programs: Path) -> bool:
    """Makes the data folder, once; returns whether there was none. A kill leaves none.

    Raises:
        CommandError: initdb failed.
    """
    if (data / "PG_VERSION").is_file():
        return False
    data.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    new = data.with_name(f"{data.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    owner = pwd.getpwnam(user)
    os.chown(new, owner.pw_uid, owner.pw_gid)
    run(
        [
            *as_user(user), str(programs / "initdb"), f"--pgdata={new}",
            f"--username={ADMINISTRATOR}", "--data-checksums", "--encoding=UTF8", "--no-locale",
            "--auth-local=peer", "--auth-host=reject",
        ]
    )  # fmt: skip
    new.rename(data)
    return True


def as_user(user: str) -> list[str]:
    """What stands before a command so that it runs as somebody."""
    return [] if os.geteuid() == pwd.getpwnam(user).pw_uid else ["runuser", "-u", user, "--"]


class Server(NamedTuple):
    """A running server, reached through its socket."""

    programs: Path
    socket: Path
    port: int

    def run(self, statements: str, database: str = "postgres", *, whole: bool = False) -> str:
        """Runs SQL as the administrator, all or nothing if `whole`; returns what it answered.

        Raises:
            CommandError: a statement failed; what stood before it is done unless `whole`.
        """
        return run(
            [
                str(self.programs / "psql"), "--no-psqlrc", "--quiet", "--tuples-only",
                "--no-align", "--set=ON_ERROR_STOP=1", f"--host={self.socket}",
                f"--port={self.port}", f"--username={ADMINISTRATOR}", f"--dbname={database}",
                *(["--single-transaction"] if whole else []), "--file=-",
            ],
            stdin=statements,
            environment={"PGCONNECT_TIMEOUT": "10"},
        )  # fmt: skip

    def set_up(self, databases: list[Database]) -> list[str]:
        """Brings databases and roles to what is declared; returns what had to be done.

        Raises:
            CommandError: the server does not answer, or refuses a statement.
        """
        did = [f"shut out {name}" for name in self._shut_out(databases)]
        marks = dict(
            line.split("|", 1)
            for line in self.run(
                "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') "
                "FROM pg_database;"
            ).splitlines()
        )
        for database in databases:
            if marks.get(database.name) == database.mark:
                continue
            self.run("\n".join(_roles(database)), whole=True)
            if database.name not in marks:
                self.run(
                    f'CREATE DATABASE "{database.name}" OWNER "{database.owner}" '
                    "TEMPLATE template0 ENCODING 'UTF8';"
                )
            self.run("\n".join(_rights(database)), whole=True)
            if database.schema:
                self.run(
                    f'SET ROLE "{database.owner}";\n{database.schema}', database.name, whole=True
                )
            self.run(f"COMMENT ON DATABASE \"{database.name}\" IS '{database.mark}';")
            did.append(f"set up {database.name}")
        return did

    def _shut_out(self, databases: list[Database]) -> list[str]:
        """Whoever is not declared logs in no more; what belongs to him stays."""
        wanted = {user.name for database in databases for user in database.users}
        logins = self.run("SELECT rolname FROM pg_roles WHERE rolcanlogin;").splitlines()
        others = sorted(set(logins) - wanted - {ADMINISTRATOR})
        for name in others:
            quoted = name.replace('"', '""')
            self.run(f'ALTER ROLE "{quoted}" NOLOGIN PASSWORD NULL;')
        return others


_PLAIN = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL"


def _roles(database: Database) -> Iterator[str]:
    """Every role of a database, with no right of its own and in its groups alone."""
    for group in (database.owner, *database.groups):
        yield from _role(group, f"NOLOGIN {_PLAIN}")
    for user in database.users:
        yield from _role(user.name, f"LOGIN INHERIT {_PLAIN}")
        wanted = ", ".join(f"'{group}'" for group in user.groups) or "NULL"
        # Names are letters, digits, "_" and "-" (`parse`), here and below.
        yield (
            f"SELECT format('REVOKE %s FROM %s', roleid::regrole, member::regrole) "  # noqa: S608
            f"FROM pg_auth_members WHERE member = '\"{user.name}\"'::regrole "
            f"AND pg_get_userbyid(roleid) NOT IN ({wanted}) \\gexec"
        )
        for group in user.groups:
            yield f'GRANT "{group}" TO "{user.name}";'


def _role(name: str, attributes: str) -> Iterator[str]:
    yield (
        f"SELECT 'CREATE ROLE \"{name}\"' "  # noqa: S608
        f"WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec"
    )
    yield f'ALTER ROLE "{name}" {attributes};'


def _rights(database: Database) -> Iterator[str]:
    """Only its users get into a database, and nobody into the others."""
    yield "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;"
    yield f'ALTER DATABASE "{database.name}" OWNER TO "{database.owner}";'
    yield f'REVOKE ALL ON DATABASE "{database.name}" FROM PUBLIC;'
    for user in database.users:
        yield f'GRANT CONNECT ON DATABASE "{database.name}" TO "{user.name}";'


__all__ = [
    "CommandError",
    "Database",
    "Server",
    "ServerError",
    "User",
    "binaries",
    "make",
    "parse",
    "require_mounted",
]
