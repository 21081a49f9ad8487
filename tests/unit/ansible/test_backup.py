"""Copies of etcd: only the leader takes one, only the recipient reads it, a fault leaves none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.errors import BackupUnreadable
from infra.hosts import restoring
from infra.paths import REPOSITORY
from tests.unit.ansible.conftest import Programs

SCRIPT = REPOSITORY / "ansible/roles/backup/files/take_copy.py"
SECRET = "the cluster's secret"


def status(*, leader: int, member: int) -> str:
    return json.dumps([{"Status": {"leader": leader, "header": {"member_id": member}}}])


def make_recipient(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@dataclass
class Machine:
    """A control plane whose etcdctl is played."""

    folder: Path
    programs: Programs

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def etcdctl(self, told: str, *, snapshot: str = f'printf "{SECRET}" >"$3"') -> None:
        body = f"case $1 in endpoint) echo '{told}' ;; snapshot) {snapshot} ;; esac"
        self.programs.add("etcdctl", body)

    def take(
        self, *, keep: int = 3, recipient: str = "recipient"
    ) -> subprocess.CompletedProcess[str]:
        memory = self.folder / "memory"
        memory.mkdir(exist_ok=True)
        settings = self.folder / "settings.json"
        settings.write_text(
            json.dumps(
                {
                    "lab": "site",
                    "folder": str(self.store),
                    "keep": keep,
                    "recipient": str(self.folder / f"{recipient}.crt"),
                }
            )
        )
        return subprocess.run(
            [sys.executable, str(SCRIPT), "etcd", str(settings)],
            env={**os.environ, "RUNTIME_DIRECTORY": str(memory)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def copies(self) -> list[Path]:
        return sorted(self.store.iterdir())


@pytest.fixture
def machine(tmp_path: Path, programs: Programs) -> Machine:
    made = Machine(tmp_path, programs)
    made.store.mkdir()
    programs.add("cp", 'mkdir -p "$3" && echo "the CA key" >"$3/ca.key"')
    made.etcdctl(status(leader=7, member=7))
    make_recipient(tmp_path, "recipient")
    return made


def test_the_recipient_reads_the_copy_and_nobody_else(machine: Machine, tmp_path: Path) -> None:
    done = machine.take()
    assert done.returncode == 0, done.stderr
    [copy] = machine.copies
    assert copy.name.startswith("site-etcd-")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in copy.read_bytes()
    certificate, key = tmp_path / "recipient.crt", tmp_path / "recipient.key"
    with restoring.opened(copy, certificate=certificate, key=key) as content:
        assert (content / "etcd.db").read_text() == SECRET
        assert (content / "pki/ca.key").read_text() == "the CA key\n"
        assert content.parent.stat().st_mode & 0o777 == 0o700
    assert not content.parent.exists()
    other = make_recipient(tmp_path, "somebody")
    with (
        pytest.raises(BackupUnreadable, match="cannot be decrypted"),
        restoring.opened(copy, certificate=other[0], key=other[1]),
    ):
        pytest.fail("a copy was opened by somebody else")


def test_a_changed_byte_is_found(machine: Machine, tmp_path: Path) -> None:
    machine.take()
    [copy] = machine.copies
    content = bytearray(copy.read_bytes())
    content[-40] ^= 1
    copy.write_bytes(bytes(content))
    with (
        pytest.raises(BackupUnreadable, match="cannot be decrypted"),
        restoring.opened(
            copy, certificate=tmp_path / "recipient.crt", key=tmp_path / "recipient.key"
        ),
    ):
        pytest.fail("a changed copy was opened")


def test_who_does_not_lead_takes_none(machine: Machine) -> None:
    machine.etcdctl(status(leader=7, member=8))
    done = machine.take()
    assert done.returncode == 0
    assert "another machine leads" in done.stdout
    assert machine.copies == []
    assert not any("snapshot" in call for call in machine.programs.calls)


@pytest.mark.parametrize("fault", ["snapshot", "recipient"])
def test_a_copy_that_fails_is_an_error_and_leaves_nothing(machine: Machine, fault: str) -> None:
    if fault == "snapshot":
        machine.etcdctl(status(leader=7, member=7), snapshot="echo no space >&2; exit 1")
        done = machine.take()
        assert "no space" in done.stderr
    else:
        done = machine.take(recipient="nobody")
        assert "cannot be encrypted" in done.stderr
    assert done.returncode == 1
    assert machine.copies == []


def test_the_newest_copies_are_kept(machine: Machine) -> None:
    old = [machine.store / f"site-etcd-2020010{day}T000000Z.tar.cms" for day in range(1, 5)]
    other = machine.store / "site-vault-20200101T000000Z.tar.cms"
    for file in [*old, other]:
        file.touch()
    assert machine.take(keep=2).returncode == 0
    names = [file.name for file in machine.copies]
    assert names[0] == old[-1].name
    assert len(names) == 3
    assert other.name in names
