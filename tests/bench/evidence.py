"""How fast evidence is written and verified: `python -m tests.bench.evidence [--records N]`.

Appends to SQLite and to PostgreSQL (Debian's, started for this), signed with a key in memory: what
a disk and a database make of it, without Vault's answer. Then verifies a bundle of N records.
Prints wall time, this process's CPU time, and how many a second of wall time. Asserts nothing: a
busy host is slow, not broken.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.evidence import bundle, postgresql
from infra.evidence.log import EvidenceLog
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.records import Event
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Store
from infra.evidence.verification import Trusted, verify
from tests.harness import evidence_postgresql
from tests.harness.evidence import ALICE, OPERATOR, START, MemorySigner


def append(store: Store, signer: MemorySigner, count: int) -> None:
    """So many appends, each on disk before the next."""
    log = EvidenceLog(store, signer)
    for number in range(count):
        log.record(ALICE, Event.READY, OPERATOR, f"step-{number}", {"text": "x" * 100})


@contextmanager
def measured(what: str, count: int) -> Iterator[None]:
    """Prints a row for what the block does."""
    wall, processor = time.monotonic(), time.process_time()
    yield
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    row = f"{what:<24} {count:>7}  {wall:8.2f} s  {processor:8.2f} s CPU  {count / wall:8.0f}/s"
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--appends", type=int, default=1_000)
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    signer = MemorySigner()
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as name:
        folder = Path(name)
        store = SqliteStore(folder / "appends.sqlite")
        with measured("appends to SQLite", given.appends):
            append(store, signer, given.appends)
        store.close()
        with evidence_postgresql.running() as server:
            postgresql.prepare(server.conninfo())
            database = PostgresqlStore(server.conninfo())
            with measured("appends to PostgreSQL", given.appends):
                append(database, signer, given.appends)
            database.close()
        store = SqliteStore(folder / "log.sqlite")
        # Only for this: no record of it matters.
        store._connection.execute("PRAGMA synchronous = OFF")
        append(store, signer, given.records)
        file = folder / "bundle.tar"
        with measured("exported", given.records):
            file.write_bytes(bundle.export(store, signer, ALICE.uid, at=START))
        store.close()
        with measured("verified", given.records):
            found = verify(file, Trusted(keys=signer.public_keys()))
        print(f"whole: {found.ok}; the bundle has {file.stat().st_size / 1e6:.1f} MB")
        print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
