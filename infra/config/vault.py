"""How a lab's Vault is sealed."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from infra.config.model import Model
from infra.config.ssh import LocalPath

#: Keys of Vault's seal stanzas that hold a secret (awskms, azurekeyvault, transit), and their like.
_SECRET_KEY = re.compile(r"token|secret|password|passphrase|access_key|credential", re.IGNORECASE)
#: What secrets look like: Vault's tokens, AWS's key ids, anything in PEM.
_SECRET_VALUE = re.compile(r"^(hv[sbr]|s)\.[\w-]{20,}|^A[KS]IA[A-Z0-9]{16}$|-----BEGIN ")


class VaultSpec(Model):
    """How Vault is sealed (https://developer.hashicorp.com/vault/docs/configuration/seal).

    `shamir` is for the local ground only: the lab keeps the keys. The other seals take the
    settings of Vault's own seal stanza, but no secret: the identity of the machine, or a file of
    its service's environment that an operator puts there, lets Vault use the key.
    """

    seal: Literal["shamir", "awskms", "azurekeyvault", "transit"] = "shamir"
    seal_settings: dict[str, str] = Field(default_factory=dict)
    #: File on the engineer's host with the environment of Vault's service (NAME=VALUE lines), for
    #: seals that no machine's identity opens: a transit seal's VAULT_TOKEN
    seal_environment: LocalPath | None = None
    #: CA certificate (PEM) of the Vault behind a transit seal, a file on the engineer's host
    seal_ca: LocalPath | None = None
    key_shares: int = Field(default=1, ge=1, le=10)
    key_threshold: int = Field(default=1, ge=1, le=10)

    @model_validator(mode="after")
    def _no_secret_in_the_settings(self) -> Self:
        """Configuration is committed, printed and kept in Pulumi's state."""
        for key, value in self.seal_settings.items():
            if _SECRET_KEY.search(key) or _SECRET_VALUE.search(value):
                raise ValueError(
                    f"vault.seal_settings.{key} is or holds a secret, which never stands in a "
                    "configuration; Vault gets it from the identity of its machine or from the "
                    "environment of its service"
                )
        return self

    @model_validator(mode="after")
    def _threshold_fits(self) -> Self:
        if self.key_threshold > self.key_shares:
            raise ValueError("vault.key_threshold is larger than vault.key_shares")
        if self.seal != "shamir" and not self.seal_settings:
            raise ValueError(f"vault.seal_settings is missing; the {self.seal} seal needs it")
        return self
