"""Public keys that verify evidence: Ed25519 (RFC 8032), named by their fingerprints.

A key's name is the SHA-256 of its DER form (SubjectPublicKeyInfo, RFC 8410). Whoever has the key
can compute it (`openssl pkey -pubin -outform DER | sha256sum`), it never names two keys, and each
version of a key in Vault has its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from infra.errors import EvidenceKeyInvalid

#: Bytes of a raw public key.
RAW = 32
#: No file of public keys is larger; bytes.
LARGEST_FILE = 64 * 1024

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----\n?", re.DOTALL)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`raw` is the 32 bytes of RFC 8032; `label` says for people where its other half lies."""

    raw: bytes
    label: str = ""

    @property
    def der(self) -> bytes:
        return self._loaded().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self._loaded().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """64 hex digits."""
        return hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            self._loaded().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def _loaded(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.raw)


#: By fingerprint.
Keyring: TypeAlias = Mapping[str, PublicKey]


def keyring(keys: Iterable[PublicKey]) -> Keyring:
    return {key.fingerprint: key for key in keys}


def read(content: bytes, *, label: str = "") -> tuple[PublicKey, ...]:
    """The keys in a file: PEM, one or several, or the base64 of 32 bytes, as Vault shows a key.

    Raises:
        EvidenceKeyInvalid: no key, a key of another kind, or a private one.
    """
    if len(content) > LARGEST_FILE:
        raise _unusable(label, "is far too large")
    blocks = list(_PEM.finditer(content))
    if any(b"PRIVATE" in block[1] for block in blocks):
        raise EvidenceKeyInvalid(
            f"{label or 'the file'} has a private key; verifying needs the public one.",
            next_step="treat that key as leaked if you were given it; ask for the public key.",
        )
    if blocks and _PEM.sub(b"", content).strip():
        # A bundle has PEM in it, too: whoever names one by mistake would trust its own key.
        raise _unusable(label, "has something else beside PEM")
    if blocks:
        return tuple(_from_pem(block[0], label) for block in blocks)
    try:
        return (from_base64(content.strip(), label=label),)
    except ValueError as error:
        raise _unusable(label, "has neither PEM nor the base64 of 32 bytes") from error


def from_base64(text: str | bytes, *, label: str = "") -> PublicKey:
    """A key as Vault shows it.

    Raises:
        ValueError: not the base64 of 32 bytes.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(raw) != RAW:
        raise ValueError(f"{len(raw)} bytes instead of {RAW}")
    return PublicKey(raw, label)


def is_fingerprint(text: str) -> bool:
    return _FINGERPRINT.fullmatch(text) is not None


def _from_pem(block: bytes, label: str) -> PublicKey:
    try:
        loaded = load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(label, "has PEM that is no public key") from error
    if not isinstance(loaded, Ed25519PublicKey):
        raise _unusable(label, "has a key that is not Ed25519")
    return PublicKey(loaded.public_bytes(Encoding.Raw, PublicFormat.Raw), label)


def _unusable(label: str, why: str) -> EvidenceKeyInvalid:
    return EvidenceKeyInvalid(
        f"{label or 'the file'} {why}.",
        next_step="give the lab's public key for evidence, as docs/evidence.md says where to get.",
    )
