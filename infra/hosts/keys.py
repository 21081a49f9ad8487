"""SSH keys of a lab: one for its owner, one for every machine, all made here and checked strictly.

Host keys are placed by us before the first boot, so no connection is ever trusted on first use.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import paths


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read (0600), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def ensure_pair(private: Path) -> str:
    """Makes an ed25519 key pair unless it is there; returns the public key's line."""
    public = private.with_name(f"{private.name}.pub")
    if not private.is_file():
        write_private(
            private,
            Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ),
        )
    key = serialization.load_ssh_private_key(private.read_bytes(), password=None)
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    public.write_bytes(line + b"\n")
    return line.decode()


def write_known_hosts(home: paths.Home, hosts: dict[str, tuple[str, str]]) -> None:
    """Writes known_hosts: `hosts` maps a host name to its address and public key line."""
    lines = [f"{name},{address} {key}\n" for name, (address, key) in sorted(hosts.items())]
    write_private(home.known_hosts, "".join(lines).encode())
