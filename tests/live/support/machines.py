"""Machines of the lab over SSH, as testinfra hosts that share one connection each."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import testinfra

from tests.live.support.lab import Lab

#: testinfra attaches its modules (file, service, ...) at run time; its own type knows none.
Host: TypeAlias = Any

_CONFIG = """Host {name}
  HostName {address}
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 5
  ServerAliveInterval 5
  ServerAliveCountMax 2
  ControlMaster auto
  ControlPersist 60
  ControlPath {folder}/%C
"""


def write_ssh_config(lab: Lab, folder: Path) -> Path:
    """An SSH configuration that knows every machine by its short name."""
    file = folder / "ssh_config"
    file.write_text(
        "\n".join(
            _CONFIG.format(
                name=machine.name,
                address=machine.address,
                key=lab.home.ssh_key,
                known_hosts=lab.home.known_hosts,
                folder=folder,
            )
            for machine in lab.config.machines
        )
    )
    return file


@contextmanager
def connections(lab: Lab) -> Iterator[dict[str, Host]]:
    """Hosts by machine name; the shared connections are closed at the end."""
    names = [machine.name for machine in lab.config.machines]
    # A short path: it carries Unix sockets, whose names have 108 characters at most.
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        file = write_ssh_config(lab, Path(folder))
        try:
            yield {
                name: testinfra.get_host(f"ssh://{name}", ssh_config=str(file)) for name in names
            }
        finally:
            for name in names:
                subprocess.run(
                    ["ssh", "-F", str(file), "-O", "exit", name], capture_output=True, check=False
                )


def output(host: Host, *words: str) -> str:
    """Standard output of a command on a machine, which must succeed."""
    command = shlex.join(words)
    result = host.run(command)
    assert result.rc == 0, (
        f"`{command}` on {host.backend.get_hostname()} ended with {result.rc}: "
        f"{result.stderr.strip()}. Run it there by hand to see why."
    )
    return str(result.stdout)


def python(host: Host, script: str, *arguments: str) -> str:
    """Runs a Python script (standard library only) on a machine and returns what it printed."""
    words = shlex.join(["python3", "-", *arguments])
    result = host.run(f"{words} <<'LAB_SCRIPT'\n{script}\nLAB_SCRIPT\n")
    assert result.rc == 0, (
        f"a script of the checks failed on {host.backend.get_hostname()}: {result.stderr.strip()}"
    )
    return str(result.stdout)
