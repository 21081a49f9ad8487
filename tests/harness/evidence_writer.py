"""Writes evidence until it is killed.

`python -m tests.harness.evidence_writer KIND WHERE KEY COUNT`.

Records the steps step-0 to step-COUNT in order, those that are recorded already too, and says the
number of each record once it was acknowledged. KEY is a file with 32 bytes, a key for tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.evidence.log import EvidenceLog
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.records import Event
from infra.evidence.sqlite import SqliteStore
from infra.evidence.store import Store
from tests.harness.evidence import ALICE, OPERATOR, MemorySigner


def signer_of(key: Path) -> MemorySigner:
    made = MemorySigner()
    made.versions = [Ed25519PrivateKey.from_private_bytes(key.read_bytes())]
    return made


def main(kind: str, where: str, key: str, count: str) -> None:
    store: Store = SqliteStore(Path(where)) if kind == "sqlite" else PostgresqlStore(where)
    log = EvidenceLog(store, signer_of(Path(key)))
    for number in range(int(count)):
        record = log.record(
            ALICE, Event.READY, OPERATOR, f"step-{number}", {"text": "x" * (number % 50)}
        )
        sys.stdout.write(f"{record.sequence}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
