"""Signed envelopes: DSSE 1.0 (https://github.com/secure-systems-lab/dsse), one Ed25519 signature.

The signature covers the payload's type with the payload, so that a record is never taken for a
manifest. Our envelopes have one written form (`canonical`), and reading refuses every other: then
no byte of an envelope can be changed without being noticed, although a signature covers only the
payload. `keyid`, which DSSE leaves unsigned, must name the key that verifies.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from infra.evidence import canonical
from infra.evidence.keys import Keyring, PublicKey

#: Bytes of an Ed25519 signature.
SIGNATURE = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """`keyid` is the fingerprint of the key that signed."""

    keyid: str
    value: bytes


class Signer(Protocol):
    """Signs with a key that it does not give away."""

    def sign(self, message: bytes) -> Signature:
        """Signs with the newest version of the key. May be repeated at will."""

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Every version that ever signed, oldest first."""


class Trust(Enum):
    """What a signature is worth to somebody with certain keys."""

    GOOD = auto()
    WRONG = auto()
    UNKNOWN_KEY = auto()


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Signature(_Strict):
    keyid: str
    sig: str


class _Envelope(_Strict):
    payload: str
    payloadType: str  # noqa: N815 # DSSE's name
    signatures: list[_Signature] = Field(min_length=1, max_length=1)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, what it is, and who signed that."""

    payload_type: str
    payload: bytes
    signature: Signature

    @property
    def line(self) -> bytes:
        """The envelope as JSON, without a line's end."""
        return canonical.dumps(
            {
                "payload": _text(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": self.signature.keyid, "sig": _text(self.signature.value)}],
            }
        )

    @classmethod
    def parse(cls, line: bytes) -> Envelope:
        """Reads an envelope and believes nothing of it.

        Raises:
            ValueError: not an envelope, or not in the one form in which we write them.
        """
        read = _Envelope.model_validate_json(line)
        [signature] = read.signatures
        envelope = cls(
            read.payloadType,
            _bytes(read.payload),
            Signature(signature.keyid, _bytes(signature.sig)),
        )
        if envelope.line != line:
            raise ValueError("an envelope that is not written as its writer writes them")
        return envelope

    def trust(self, keys: Keyring) -> Trust:
        """What the signature is worth to somebody who trusts `keys`."""
        key = keys.get(self.signature.keyid)
        if key is None:
            return Trust.UNKNOWN_KEY
        message = encode(self.payload_type, self.payload)
        good = len(self.signature.value) == SIGNATURE and key.verifies(
            self.signature.value, message
        )
        return Trust.GOOD if good else Trust.WRONG


def encode(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding (PAE)."""
    name = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def seal(signer: Signer, payload_type: str, payload: bytes) -> Envelope:
    """Signs a payload. Raises what the signer raises."""
    return Envelope(payload_type, payload, signer.sign(encode(payload_type, payload)))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
