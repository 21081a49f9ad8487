"""Evidence is handed out of the lab's database beside an operator that goes on working."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra import naming
from infra.evidence.keys import read
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.records import Subject
from infra.evidence.verification import Trusted, verify_content
from infra.operator.exporting import REFUSED
from infra.paths import REPOSITORY
from infra.secrets import requested
from infra.secrets.client import Connection, ServiceAccount, Vault
from infra.secrets.requested import Mounts
from infra.secrets.signing import TransitSigner
from tests.harness.evidence import die, live
from tests.integration.database.conftest import WRITER, Ground


@pytest.fixture(scope="module")
def signer(ground: Ground) -> Iterator[TransitSigner]:
    """The operator's, with the rights that it has in a lab."""
    vault = ground.vault
    vault.api("POST", "sys/mounts/transit", {"type": "transit"})
    vault.api("POST", f"transit/keys/{naming.VAULT_EVIDENCE_KEY}", {"type": "ed25519"})
    mounts = Mounts(vault.api("GET", "sys/auth")["data"][f"{naming.VAULT_JWT}/"]["accessor"])
    rules = requested.operator_policy(mounts)
    vault.api("PUT", f"sys/policies/acl/{naming.OPERATOR}", {"policy": rules})
    role = f"auth/{naming.VAULT_JWT}/role/{naming.OPERATOR}"
    vault.api("POST", role, requested.operator_role())
    token = ground.token(naming.OPERATOR_NAMESPACE, naming.OPERATOR)
    who = ServiceAccount(token, naming.OPERATOR)
    with closing(Vault(Connection(vault.address, vault.ca, who), patience=5)) as connected:
        yield TransitSigner(connected)


#: A log of its own: the database is that of all tests here.
GONE = Subject(lab="local", sandbox="gone", uid="1f3f6b4e-5b1a-4f0e-9d3a-2f6f6f0c1a33")


def configuration(ground: Ground, folder: Path) -> Path:
    """What the operator is told in a lab with a database."""
    told: dict[str, Any] = {
        "lab": "test",
        "kubernetes_version": "1.36.3",
        "network": {
            "pods": "10.98.0.0/16",
            "services": "10.99.0.0/24",
            "nodes": ["192.0.2.1/32"],
            "vault": ["192.0.2.9/32"],
        },
        "vault": {
            "address": ground.vault.address,
            "ca_certificate": str(ground.vault.ca),
            "token": str(ground.token(naming.OPERATOR_NAMESPACE, naming.OPERATOR)),
            "accessor": "unused",
        },
        "evidence": {
            "kind": "postgresql",
            "host": "127.0.0.1",
            "port": ground.database.port,
            "database": "evidence",
            "user": WRITER,
            "ca_certificate": str(ground.database.ca),
            "folder": str(ground.memory),
            "vault_role": naming.vault_database_role(WRITER),
        },
        "profiles": {"small": {}},
        "approvals": {"internal": 1},
        "longest_life": "24h",
        "probe": {"image": "lab.local/probe:1", "targets": []},
    }
    file = folder / "configuration.json"
    file.write_text(json.dumps(told))
    return file


def export(file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As in the operator's pod: a second process, without any environment."""
    return subprocess.run(
        [sys.executable, "-m", "infra.operator.exporting", "--configuration", str(file), *words],
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_out_of_the_database(
    ground: Ground, writer: str, signer: TransitSigner, tmp_path: Path
) -> None:
    """`writer` is the operator's own connection string, whose certificate must stay."""
    file = configuration(ground, tmp_path)
    with closing(PostgresqlStore(writer)) as store:
        die(live(store, signer, GONE), GONE)  # type: ignore[arg-type]
        before = sorted(one.name for one in ground.memory.iterdir())
        done = export(file, "list")
        assert done.returncode == 0, done.stderr
        assert GONE.uid in [one["uid"] for one in json.loads(done.stdout)["logs"]]
        [head] = [one.head for one in store.logs() if one.subject.uid == GONE.uid]
        done = export(file, "export", "--head", head, "--", GONE.uid)
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    keys = tuple(key for one in answer["keys"] for key in read(one["pem"].encode()))
    verdict = verify_content(base64.b64decode(answer["bundle"]), Trusted(keys=keys))
    assert (verdict.faults, verdict.notes) == ([], [])
    assert verdict.manifest is not None
    assert verdict.manifest.known_heads == (head,)
    # The operator's certificate is there, nothing else was left behind, and it still connects.
    assert sorted(one.name for one in ground.memory.iterdir()) == before
    with psycopg.connect(writer) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_no_such_log(ground: Ground, signer: TransitSigner, tmp_path: Path) -> None:
    del signer
    done = export(configuration(ground, tmp_path), "export", "--", "nobody")
    assert done.returncode == REFUSED
    assert json.loads(done.stdout)["error"]["code"] == "LAB-805"
