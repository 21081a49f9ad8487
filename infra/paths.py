"""Where the lab keeps things. No other module spells out one of these folders.

`cache()` holds only what can be rebuilt; `Home` holds what must not be lost while a lab is up
(state, keys, machines). Both can be moved: LAB_CACHE and LAB_HOME.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: The checkout that this code runs from.
REPOSITORY = Path(__file__).resolve().parent.parent


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default).resolve()


def cache() -> Path:
    """Built tools, images and the base root file system; safe to delete when no lab is up."""
    return _folder("LAB_CACHE", ".cache/ai-lab")


def data() -> Path:
    """Everything of every lab on this host."""
    return _folder("LAB_HOME", ".local/share/ai-lab")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one lab. Mode 0700; every key file in it has mode 0600."""

    lab: str
    #: Where the folder lies; None means below `data()`.
    base: Path | None = None

    @property
    def root(self) -> Path:
        return (self.base or data()) / self.lab

    @property
    def state(self) -> Path:
        """Pulumi's file backend."""
        return self.root / "state"

    @property
    def passphrase(self) -> Path:
        """Passphrase of the stack's secrets provider."""
        return self.root / "passphrase"

    @property
    def ssh_key(self) -> Path:
        """Private key (ed25519) for every machine of the lab; the public one is beside it."""
        return self.root / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.root / "ssh" / "known_hosts"

    @property
    def pki(self) -> Path:
        """The lab's own certificate authority: ca.crt and ca.key."""
        return self.root / "pki"

    @property
    def ca_certificate(self) -> Path:
        return self.pki / "ca.crt"

    @property
    def vault_keys(self) -> Path:
        """Unseal and recovery keys (JSON), local ground only."""
        return self.root / "vault" / "keys.json"

    @property
    def vault_approle(self) -> Path:
        """The lab's AppRole (JSON: role_id, secret_id)."""
        return self.root / "vault" / "approle.json"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes the lab."""
        return self.root / "lock"
