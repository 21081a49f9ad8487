"""Transit keys: https://developer.hashicorp.com/vault/api-docs/secret/transit.

A key never leaves Vault: it is neither exportable nor can it be backed up in plaintext, and
Vault cannot take either back once somebody has switched it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from infra.errors import VaultRefused
from infra.secrets.client import Vault
from infra.secrets.objects.kind import Kind, Live, MountPath, ObjectName, Seconds, Spec

KeyType = Literal[
    "aes128-gcm96",
    "aes256-gcm96",
    "chacha20-poly1305",
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "ed25519",
    "hmac",
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
]


class TransitKeySpec(Spec):
    mount: MountPath = "transit"
    name: ObjectName
    type: KeyType = "aes256-gcm96"
    #: 0 never rotates by itself; else at least an hour.
    auto_rotate_period: Seconds = 0
    min_decryption_version: Annotated[int, Field(ge=1)] = 1
    exportable: Literal[False] = False
    allow_plaintext_backup: Literal[False] = False
    #: Only while the key is being deleted.
    deletion_allowed: Literal[False] = False


class TransitKey(Kind[TransitKeySpec]):
    noun = "transit key"
    replaces: ClassVar = frozenset({"mount", "name", "type"})
    model = TransitKeySpec

    def identity(self, spec: TransitKeySpec) -> str:
        return f"{spec.mount}/keys/{spec.name}"

    def read(self, vault: Vault, spec: TransitKeySpec, known: Mapping[str, Any]) -> Live | None:
        key = _find(vault, spec)
        if key is None:
            return None
        return Live(
            {
                "mount": spec.mount,
                "name": spec.name,
                "type": key["type"],
                "autoRotatePeriod": key["auto_rotate_period"],
                "minDecryptionVersion": key["min_decryption_version"],
                "exportable": key["exportable"],
                "allowPlaintextBackup": key["allow_plaintext_backup"],
                "deletionAllowed": key["deletion_allowed"],
            }
        )

    def delete(self, vault: Vault, spec: TransitKeySpec) -> None:
        """What the key encrypted is unreadable for ever after (crypto-shredding)."""
        if _find(vault, spec) is None:
            return
        self._configure(vault, spec, deletion_allowed=True)
        vault.call(
            lambda client: client.secrets.transit.delete_key(spec.name, mount_point=spec.mount)
        )

    def _create(self, vault: Vault, spec: TransitKeySpec) -> None:
        key = _find(vault, spec)
        if key is None:
            vault.call(
                lambda client: client.secrets.transit.create_key(
                    spec.name, key_type=spec.type, mount_point=spec.mount
                )
            )
        elif key["type"] != spec.type:
            raise VaultRefused(
                f"there is a transit key {self.identity(spec)} already, of type {key['type']}.",
                next_step="choose another name; deleting that key loses what it encrypted.",
            )
        else:
            self._refuse_weakened(key, spec)
        self._configure(vault, spec)

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: TransitKeySpec) -> None:
        self._refuse_weakened(_find(vault, spec) or {}, spec)
        self._configure(vault, spec)

    def _configure(
        self, vault: Vault, spec: TransitKeySpec, *, deletion_allowed: bool = False
    ) -> None:
        vault.call(
            lambda client: client.secrets.transit.update_key_configuration(
                spec.name,
                min_decryption_version=spec.min_decryption_version,
                deletion_allowed=deletion_allowed,
                auto_rotate_period=str(spec.auto_rotate_period),
                mount_point=spec.mount,
            )
        )

    def _refuse_weakened(self, key: Mapping[str, Any], spec: TransitKeySpec) -> None:
        weak = [name for name in ("exportable", "allow_plaintext_backup") if key.get(name)]
        if weak:
            raise VaultRefused(
                f"somebody made the transit key {self.identity(spec)} {' and '.join(weak)}, "
                "which Vault cannot take back.",
                next_step="re-encrypt what it protects under another key, then replace this "
                "one: `pulumi up --replace URN`.",
            )


def _find(vault: Vault, spec: TransitKeySpec) -> dict[str, Any] | None:
    answer = vault.find(
        lambda client: client.secrets.transit.read_key(spec.name, mount_point=spec.mount)
    )
    return dict(answer["data"]) if answer else None
