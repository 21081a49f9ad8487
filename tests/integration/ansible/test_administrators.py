"""Administrators of the role base, with real programs on copies of /etc and /home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.paths import REPOSITORY

ALICE = {"name": "alice", "authorized_keys": ["ssh-ed25519 AAAA alice@desk", "ssh-ed25519 BBBB a"]}
BOB = {"name": "bob", "authorized_keys": ["ssh-ed25519 CCCC bob@desk"]}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts can only be made by root")


class Machine:
    """Copies of the folders that the role writes to; it sees them in a name space of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        shutil.copytree("/etc", self.etc, symlinks=True)
        (self.etc / "ssh" / "authorized_keys.d").mkdir()  # as the task before makes it
        (folder / "home").mkdir()
        programs = folder / "programs"
        programs.mkdir()
        # sudo counts as installed.
        (programs / "dpkg-query").write_text("#!/bin/sh\necho sudo installed\n")
        (programs / "dpkg-query").chmod(0o755)

    def run(self, *administrators: object) -> str:
        """Ansible's own summary."""
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "base_administrators": list(administrators),
            },
            "tasks": [{"include_role": {"name": "base", "tasks_from": "administrators"}}],
        }
        (self.folder / "playbook.yml").write_text(yaml.safe_dump([play]))
        script = (
            "mount --bind {0}/etc /etc && mount --bind {0}/home /home && "
            "PATH={0}/programs:$PATH exec {1} {0}/playbook.yml"
        ).format(self.folder, Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(REPOSITORY / "ansible" / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.folder / "ansible"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def keys(self) -> dict[str, str]:
        folder = self.etc / "ssh" / "authorized_keys.d"
        return {file.name: file.read_text() for file in folder.iterdir()}

    def expiry(self, name: str) -> str:
        """Day since 1970 after which the account is shut; empty for never."""
        lines = (self.etc / "shadow").read_text().splitlines()
        return next(line for line in lines if line.startswith(f"{name}:")).split(":")[7]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_administrators_come_and_go(machine: Machine) -> None:
    sudoers = machine.etc / "sudoers.d" / "60-ai-lab"
    machine.run(ALICE, BOB)
    assert machine.keys()["alice"].splitlines()[1:] == ALICE["authorized_keys"]
    assert sorted(machine.keys()) == ["alice", "bob"]
    assert "bob ALL=(ALL:ALL) NOPASSWD: ALL\n" in sudoers.read_text()
    assert sudoers.stat().st_mode & 0o777 == 0o440
    assert machine.expiry("bob") == ""
    assert "changed=0" in machine.run(ALICE, BOB)

    machine.run(ALICE)
    assert sorted(machine.keys()) == ["alice"]
    assert "bob" not in sudoers.read_text()
    assert machine.expiry("bob") == "1"
    assert "changed=0" in machine.run(ALICE)

    machine.run(ALICE, BOB)
    assert machine.expiry("bob") == "", "who comes back is let in again"

    machine.run()
    assert machine.keys() == {}
    assert not sudoers.exists()


def test_none_from_the_start(machine: Machine) -> None:
    machine.run()
    assert machine.keys() == {}
    assert "changed=0" in machine.run()
