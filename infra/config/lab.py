"""What every lab has, whatever carries it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from infra.config.model import Model, Name
from infra.config.sandboxes import SandboxSpec
from infra.config.vault import VaultSpec


class RegistrySpec(Model):
    """Where images are pushed to; without one they are side-loaded onto every node."""

    address: str = Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$")


class Lab(Model):
    """A whole lab: what is the same on every ground."""

    name: Name
    vault: VaultSpec = VaultSpec()
    registry: RegistrySpec | None = None
    sandboxes: tuple[SandboxSpec, ...] = ()

    @model_validator(mode="after")
    def _sandboxes_differ(self) -> Self:
        names = [sandbox.name for sandbox in self.sandboxes]
        if len(names) != len(set(names)):
            raise ValueError("sandboxes: a name is used twice")
        return self


def require_auto_unseal(vault: VaultSpec, ground: str) -> None:
    """Refuses keys that a person would have to keep and type after every start.

    Raises:
        ValueError: on grounds other than the local one, a seal must open Vault by itself.
    """
    if vault.seal == "shamir":
        raise ValueError(f"vault.seal: shamir is for the local ground only, not for {ground}")
