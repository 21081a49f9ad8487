"""Signs evidence with a transit key: Ed25519, which never leaves Vault.

https://developer.hashicorp.com/vault/api-docs/secret/transit#sign-data. Vault names the version of
the key in each signature (`vault:v3:...`); evidence names a key by its fingerprint instead, which
each version has of its own and which a verifier can compute without Vault. After a rotation the
newest version signs, and the older ones still verify as long as Vault shows them, which it does
down to `min_decryption_version`.
"""

from __future__ import annotations

import base64
import binascii
import re
from threading import Lock
from typing import Any

from infra import naming
from infra.errors import EvidenceKeyInvalid
from infra.evidence.dsse import Signature
from infra.evidence.keys import PublicKey, from_base64
from infra.secrets.client import Vault

_SIGNED = re.compile(r"vault:v([1-9][0-9]*):(.+)")


class TransitSigner:
    """A `Signer` whose key is in Vault. Threads may share it."""

    def __init__(
        self,
        vault: Vault,
        *,
        key: str = naming.VAULT_EVIDENCE_KEY,
        mount: str = naming.VAULT_TRANSIT,
    ) -> None:
        self._vault = vault
        self._key = key
        self._mount = mount
        self._versions: dict[int, PublicKey] = {}
        self._lock = Lock()

    def sign(self, message: bytes) -> Signature:
        """Signs with the newest version; the signature is verified before it is given out.

        Raises:
            EvidenceKeyInvalid: not the key that evidence needs, or a signature that is wrong.
            VaultRefused, VaultUnreachable, VaultSealed: as Vault's client says.
        """
        # Before the first signature: what the key is must be known before it is used.
        with self._lock:
            if not self._versions:
                self._versions = self._read()
        content = base64.b64encode(message).decode()
        answer: dict[str, Any] = self._vault.call(
            lambda client: client.secrets.transit.sign_data(
                self._key, hash_input=content, mount_point=self._mount
            )
        )
        version, value = _parse(str(answer["data"]["signature"]))
        public = self._version(version)
        if not public.verifies(value, message):
            raise self._invalid(f"version {version} of it does not verify what it signed")
        return Signature(public.fingerprint, value)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Every version that Vault shows, oldest first. Raises as `sign` does."""
        with self._lock:
            self._versions = self._read()
            return tuple(key for _, key in sorted(self._versions.items()))

    def _version(self, version: int) -> PublicKey:
        with self._lock:
            if version not in self._versions:  # rotated since
                self._versions = self._read()
            if version not in self._versions:
                raise self._invalid(f"Vault does not show version {version}, which has signed")
            return self._versions[version]

    def _read(self) -> dict[int, PublicKey]:
        answer = self._vault.find(
            lambda client: client.secrets.transit.read_key(self._key, mount_point=self._mount)
        )
        if answer is None:
            raise self._invalid("there is no such key")
        data: dict[str, Any] = answer["data"]
        if data["type"] != "ed25519" or data.get("derived"):
            raise self._invalid(f"it is of type {data['type']}, not a plain ed25519 key")
        weak = [name for name in ("exportable", "allow_plaintext_backup") if data.get(name)]
        if weak:
            raise self._invalid(f"it is {' and '.join(weak)}: others may have it, too")
        where = f"{self._mount}/{self._key}"
        try:
            return {
                int(version): from_base64(entry["public_key"], label=f"{where}:{version}")
                for version, entry in data["keys"].items()
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self._invalid("Vault shows its versions in a form that is not known") from error

    def _invalid(self, why: str) -> EvidenceKeyInvalid:
        return EvidenceKeyInvalid(
            f"evidence cannot be signed with {self._mount}/keys/{self._key}: {why}.",
            next_step="`./lab up` makes the key as it must be; a weakened one cannot be made good "
            "again and is replaced by one of another name.",
        )


def _parse(text: str) -> tuple[int, bytes]:
    """Version and value of a signature."""
    found = _SIGNED.fullmatch(text)
    if found is None:
        raise _unknown_form()
    try:
        return int(found[1]), base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise _unknown_form() from error


def _unknown_form() -> EvidenceKeyInvalid:
    return EvidenceKeyInvalid(
        "Vault answered with a signature in a form that is not known.",
        next_step="see whether this version of Vault is the one of toolchain/tools.toml.",
    )
