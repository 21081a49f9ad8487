"""Tokens of service accounts as a cluster signs them (RFC 7519, ES256), without a cluster."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra import naming


def _text(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@dataclass(frozen=True)
class Signer:
    """A cluster, as far as Vault knows one: its issuer and its key."""

    issuer: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public_key(self) -> str:
        """PEM."""
        return (
            self.key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def token(self, namespace: str, account: str, *, audience: str = naming.VAULT_AUDIENCE) -> str:
        """A token of an account that lives for ten minutes."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": [audience],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account}},
        }
        signed = ".".join(
            _text(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims)
        )
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_text(r.to_bytes(32) + s.to_bytes(32))}"
