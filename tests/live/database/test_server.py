"""The database's own state, as root of its machine sees it: rules, rights, settings, files."""

from __future__ import annotations

import shlex

import pytest

from infra.hosts.database import CONTENT
from tests.live.support import database
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output

USERS = {user.name for content in CONTENT for user in content.users}
WRITERS = [user.name for content in CONTENT for user in content.users if content.name == "evidence"]


def ask(host: Host, statements: str, name: str = "evidence") -> tuple[str, str]:
    """Output and notices of psql, run as the administrator through the socket."""
    words = shlex.join(
        ["psql", "-XqAt", f"--host={database.SOCKET}", "--username=postgres", f"--dbname={name}"]
    )
    done = host.run(f"{words} --file=- <<'LAB_SQL'\n{statements}\nLAB_SQL\n")
    assert done.rc == 0, f"psql on the database's machine: {done.stderr.strip()}"
    return str(done.stdout), str(done.stderr)


@pytest.mark.check(id="database.rules", area="database")
def test_only_certificates_let_anybody_in(server: Host, lab: Lab) -> None:
    nodes = {str(machine.address) for machine in lab.nodes}
    answer, _ = ask(server, database.RULES)
    faults = list(database.rule_faults(answer, users=USERS, addresses=nodes))
    assert answer.count("cert") >= len(USERS), f"the control failed: no user gets in ({answer})."
    assert not faults, (
        f"pg_hba.conf of the database lets in others: {'; '.join(faults)}. Put the file of the "
        "role postgresql back and `systemctl reload ai-lab-database`."
    )


@pytest.mark.check(id="database.logins", area="database")
def test_nobody_else_has_a_login(server: Host) -> None:
    faults = list(database.login_faults(ask(server, database.LOGINS)[0], users=USERS))
    assert not faults, f"roles of the database: {'; '.join(faults)}. ALTER ROLE NAME NOLOGIN."


@pytest.mark.check(id="database.append-only", area="database")
@pytest.mark.parametrize("user", WRITERS)
def test_what_was_written_stays(user: str, server: Host) -> None:
    """Everything is tried as the writer, in a transaction that is taken back."""
    _, notices = ask(server, database.rights(user))
    faults = list(database.right_faults(notices))
    granted, _ = ask(server, database.grants(user))
    assert not faults, f"evidence is not append only: {'; '.join(faults)}."
    assert not granted, f"{user} holds rights that only a trigger stops: {granted.split()}."


@pytest.mark.check(id="database.settings", area="database")
def test_nothing_that_was_acknowledged_is_lost(server: Host) -> None:
    faults = list(database.setting_faults(ask(server, database.SETTINGS)[0]))
    assert not faults, (
        f"the database runs with {'; '.join(faults)}. Take it out of postgresql.conf or "
        "postgresql.auto.conf and `systemctl restart ai-lab-database`."
    )


@pytest.mark.check(id="database.files", area="database")
def test_its_files_are_its_own(server: Host) -> None:
    folder = server.file(database.DATA)
    assert (folder.user, folder.mode) == ("postgres", 0o700), (
        f"{folder.path} belongs to {folder.user} with mode {folder.mode:o}; it must be "
        "postgres's, 700."
    )
    socket = server.file(database.SOCKET)
    assert (socket.user, socket.mode) == ("postgres", 0o700), (
        f"{socket.path} belongs to {socket.user} with mode {socket.mode:o}: others of the "
        "machine reach the socket."
    )


@pytest.mark.check(id="database.listens", area="database")
def test_it_listens_on_its_one_address(
    server: Host, facts: dict[str, Facts], address: tuple[str, int], lab: Lab
) -> None:
    machine = lab.config.database_machine
    assert machine is not None
    found = {one.address for one in facts[machine.name].sockets if one.program == "postgres"}
    assert found == {address[0]}, (
        f"PostgreSQL listens on {', '.join(sorted(found)) or 'nothing'}; it must be {address[0]} "
        "alone (listen_addresses)."
    )


@pytest.mark.check(id="database.debian-cluster", area="database")
def test_debians_own_cluster_is_not_there(server: Host) -> None:
    """A second server would be one that nobody looks at."""
    running = output(server, "ps", "-C", "postgres", "-o", "args=").count("/postgres -D")
    assert running == 1, f"{running} servers of PostgreSQL run; there must be one."
    masked = server.run("systemctl is-enabled postgresql.service").stdout.strip()
    assert masked == "masked", f"Debian's postgresql.service is {masked}: systemctl mask it."
