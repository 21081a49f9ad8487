"""What a machine says about itself, asked once for a whole run of the checks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import yaml

from tests.live.support.machines import Host, output

MANIFESTS = PurePosixPath("/etc/kubernetes/manifests")


@dataclass(frozen=True, slots=True, order=True)
class Socket:
    """A socket that waits for connections or datagrams."""

    protocol: str
    address: str
    port: int
    program: str

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port} ({self.program})"

    @property
    def is_local(self) -> bool:
        """Only the machine itself can reach it."""
        return self.address.startswith("127.") or self.address == "[::1]"


class Facts:
    """Answers of one machine."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @cached_property
    def sysctls(self) -> dict[str, str]:
        """Kernel settings, with white space as `sysctl` prints it."""
        lines = output(self.host, "sysctl", "--all", "--ignore").splitlines()
        return dict(line.split(" = ", 1) for line in lines if " = " in line)

    @cached_property
    def sshd(self) -> dict[str, str]:
        """The SSH server's effective settings, names in lower case."""
        return parse_settings(output(self.host, "sshd", "-T"))

    @cached_property
    def sockets(self) -> list[Socket]:
        """Listening TCP sockets and bound UDP sockets."""
        return parse_sockets(output(self.host, "ss", "-Htulnp"))

    @cached_property
    def shares_kernel(self) -> bool:
        """Whether the kernel belongs to another system (the machine is a container)."""
        return int(self.host.run("systemd-detect-virt --container --quiet").rc) == 0

    @cached_property
    def has_audit(self) -> bool:
        """Whether the kernel gives this machine an audit system."""
        return int(self.host.run("auditctl -s").rc) == 0

    def matches(self, text: str, file: str) -> list[str]:
        """Lines of a file that hold a text."""
        found = self.host.run(shlex.join(["grep", "--fixed-strings", "--regexp", text, file]))
        return str(found.stdout).splitlines()

    def static_pod(self, name: str) -> list[str]:
        """Command line of a control plane component, as its manifest has it."""
        text = output(self.host, "cat", str(MANIFESTS / f"{name}.yaml"))
        document: dict[str, Any] = yaml.safe_load(text)
        command: list[str] = document["spec"]["containers"][0]["command"]
        return command

    def flags(self, name: str) -> dict[str, str]:
        """Flags of a control plane component."""
        return parse_flags(self.static_pod(name))


def parse_settings(text: str) -> dict[str, str]:
    """Lines `name value`; a name that comes several times keeps all its values."""
    settings: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        settings[name] = f"{settings[name]} {value}" if name in settings else value
    return settings


def parse_sockets(text: str) -> list[Socket]:
    """Output of `ss -Htulnp`."""
    found = set()
    for line in text.splitlines():
        fields = line.split()
        address, _, port = fields[4].rpartition(":")
        program = line.partition('users:(("')[2].partition('"')[0] or "kernel"
        found.add(Socket(fields[0], address.partition("%")[0], int(port), program))
    return sorted(found)


def parse_flags(command: list[str]) -> dict[str, str]:
    """`--name=value` words of a command line; a bare flag counts as true."""
    flags = {}
    for word in command[1:]:
        name, assigned, value = word.removeprefix("--").partition("=")
        flags[name] = value if assigned else "true"
    return flags
