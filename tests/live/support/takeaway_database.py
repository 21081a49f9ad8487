"""Protections of the lab's database taken away by hand and given back (see `takeaway`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.live.support import database
from tests.live.support.machines import Host, output
from tests.live.support.takeaway import World

RULES = f"{database.CONFIGURATION}/pg_hba.conf"


def _machine(world: World) -> Host:
    machine = world.lab.config.database_machine
    assert machine is not None
    return world.hosts[machine.name]


def _ask(host: Host, statement: str) -> None:
    output(
        host, "psql", "-XqAt", f"--host={database.SOCKET}", "--username=postgres",
        "--dbname=evidence", "--set=ON_ERROR_STOP=1", f"--command={statement}",
    )  # fmt: skip


@contextmanager
def database_trusts(world: World) -> Iterator[None]:
    """Whoever reaches it is let in, as anybody."""
    host = _machine(world)
    rule = "hostssl all all 0.0.0.0/0 trust"
    try:
        output(host, "sed", "--in-place", f"1i {rule}", RULES)
        output(host, "systemctl", "reload", database.UNIT)
        yield
    finally:
        output(host, "sed", "--in-place", f"\\#^{rule}$#d", RULES)
        output(host, "systemctl", "reload", database.UNIT)


@contextmanager
def evidence_rewritable(world: World) -> Iterator[None]:
    """The writer may change what it wrote."""
    host = _machine(world)
    try:
        _ask(host, "ALTER TABLE evidence.records DISABLE TRIGGER append_only")
        _ask(host, "GRANT UPDATE ON evidence.records TO evidence_writer")
        yield
    finally:
        _ask(host, "REVOKE UPDATE ON evidence.records FROM evidence_writer")
        _ask(host, "ALTER TABLE evidence.records ENABLE TRIGGER append_only")
