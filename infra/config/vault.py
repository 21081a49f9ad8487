"""How a lab's Vault is sealed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from infra.config.model import Model


class VaultSpec(Model):
    """How Vault is sealed (https://developer.hashicorp.com/vault/docs/configuration/seal).

    `shamir` is for the local ground only: the lab keeps the keys. The other seals take the
    settings of Vault's own seal stanza.
    """

    seal: Literal["shamir", "awskms", "azurekeyvault", "transit"] = "shamir"
    seal_settings: dict[str, str] = Field(default_factory=dict)
    key_shares: int = Field(default=1, ge=1, le=10)
    key_threshold: int = Field(default=1, ge=1, le=10)

    @model_validator(mode="after")
    def _threshold_fits(self) -> Self:
        if self.key_threshold > self.key_shares:
            raise ValueError("vault.key_threshold is larger than vault.key_shares")
        if self.seal != "shamir" and not self.seal_settings:
            raise ValueError(f"vault.seal_settings is missing; the {self.seal} seal needs it")
        return self
