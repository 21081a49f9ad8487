"""The roles certificate_authority and machine_certificate, run by Ansible on this machine."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.paths import REPOSITORY


class Runs:
    """A controller's folder and a machine's folder, both below one temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.tls = folder / "tls"

    def run(self, role: str, **variables: object) -> int:
        """Runs one role and returns how many tasks changed something."""
        playbook = self.folder / "playbook.yml"
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "lab_name": "test",
                "lab_home": str(self.home),
                "lab_address": "10.71.0.12",
                "machine_certificate_directory": str(self.tls),
                "machine_certificate_owner": getpass.getuser(),
                **variables,
            },
            "roles": [role],
        }
        playbook.write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), playbook],
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
        changed = re.search(r"changed=(\d+)", done.stdout)
        assert changed, done.stdout
        return int(changed.group(1))

    def text(self, *options: str) -> str:
        command = ["openssl", "x509", "-in", str(self.tls / "machine.crt"), "-noout", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    made = Runs(tmp_path)
    assert made.run("certificate_authority") == 1
    return made


def test_the_authority_is_made_once_and_its_key_is_private(runs: Runs) -> None:
    before = (runs.home / "pki" / "ca.key").read_bytes()
    assert runs.run("certificate_authority") == 0
    assert (runs.home / "pki" / "ca.key").read_bytes() == before
    assert (runs.home / "pki" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (runs.home / "pki").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in runs.home.iterdir()] == ["pki"]


def test_an_authority_cut_short_is_made_anew(runs: Runs) -> None:
    (runs.home / "pki" / "ca.crt").unlink()
    assert runs.run("certificate_authority") == 1
    assert runs.run("machine_certificate") == 2


def test_a_certificate_is_made_once_and_again_when_the_names_change(runs: Runs) -> None:
    assert runs.run("machine_certificate") == 2
    assert runs.run("machine_certificate") == 0
    before = (runs.tls / "machine.key").read_bytes()
    assert runs.run("machine_certificate", lab_address="10.71.0.13") == 2
    assert (runs.tls / "machine.key").read_bytes() != before
    assert "IP Address:10.71.0.13" in runs.text("-ext", "subjectAltName")
    assert "TLS Web Client Authentication" in runs.text("-ext", "extendedKeyUsage")
    assert "CA:FALSE" in runs.text("-ext", "basicConstraints")
    assert runs.run("machine_certificate", machine_certificate_renew_days=366) == 2


def test_a_machine_cannot_have_the_name_of_another_one_signed(runs: Runs) -> None:
    """An openssl on the machine that asks for another name, as somebody who took it over would."""
    false = runs.folder / "bin" / "openssl"
    false.parent.mkdir()
    false.write_text(
        '#!/bin/sh\nif [ "$1" = req ]; then\n'
        '  shift; exec /usr/bin/openssl req "$@" -subj /CN=local-control-plane\n'
        'fi\nexec /usr/bin/openssl "$@"\n'
    )
    false.chmod(0o755)
    path = f"{false.parent}:{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        runs.run("machine_certificate")
    assert runs.text("-subject").replace(" ", "").strip() == "subject=CN=localhost"
