"""Authorities of PKI engines: https://developer.hashicorp.com/vault/api-docs/secret/pki#generate-root.

The key is made in Vault and never leaves it. The certificate is public: whoever is to trust what
the engine signs needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import Field

from infra.errors import VaultRefused
from infra.secrets.client import Vault
from infra.secrets.objects.kind import Kind, Live, MountPath, Spec

#: Seconds before now from which certificates are valid, for clocks that differ a little.
_BACKDATED = 30


class PkiAuthoritySpec(Spec):
    #: Path of the PKI engine.
    mount: MountPath
    common_name: Annotated[str, Field(min_length=1, max_length=64)]
    #: Seconds.
    ttl: Annotated[int, Field(ge=60)]
    key_type: Literal["ec"] = "ec"


class PkiAuthority(Kind[PkiAuthoritySpec]):
    """The one root authority of an engine. Another one means that nothing signed before holds."""

    noun = "PKI authority"
    replaces: ClassVar = frozenset({"mount", "commonName", "ttl", "keyType"})
    model = PkiAuthoritySpec

    def identity(self, spec: PkiAuthoritySpec) -> str:
        return f"{spec.mount}/cert/ca"

    def read(self, vault: Vault, spec: PkiAuthoritySpec, known: Mapping[str, Any]) -> Live | None:
        """`certificate` (PEM) is the output."""
        # Of an engine without one, Vault does not say "nothing is there" but fails.
        if vault.find(lambda client: client.secrets.pki.list_issuers(spec.mount)) is None:
            return None
        found = vault.read(self.identity(spec))
        if found is None:
            return None
        text = str(found["certificate"]).strip() + "\n"
        return Live(_inputs(spec.mount, text), {"certificate": text})

    def delete(self, vault: Vault, spec: PkiAuthoritySpec) -> None:
        """The key is gone with it."""
        if self.read(vault, spec, {}) is not None:
            vault.remove(f"{spec.mount}/root")

    def _create(self, vault: Vault, spec: PkiAuthoritySpec) -> None:
        live = self.read(vault, spec, {})
        if live is not None:
            if live.inputs != spec.inputs():
                raise VaultRefused(
                    f"{spec.mount}/ has another authority already: {live.inputs['commonName']}.",
                    next_step="choose another engine, or delete that authority if nothing "
                    "trusts it.",
                )
            return
        vault.write(
            f"{spec.mount}/root/generate/internal",
            {
                "common_name": spec.common_name,
                "ttl": f"{spec.ttl}s",
                "key_type": spec.key_type,
                "key_bits": 256,
                # Nothing below it but what it signs itself.
                "max_path_length": 0,
                "not_before_duration": f"{_BACKDATED}s",
                "exclude_cn_from_sans": True,
            },
        )

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: PkiAuthoritySpec) -> None:
        """Every input means another authority, so there is nothing to change in one."""
        self._create(vault, spec)


def _inputs(mount: str, text: str) -> dict[str, Any]:
    certificate = x509.load_pem_x509_certificate(text.encode())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    key = certificate.public_key()
    return {
        "mount": mount,
        "commonName": str(names[0].value) if names else "",
        "ttl": int(valid.total_seconds()) - _BACKDATED,
        "keyType": "ec" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__,
    }
