"""Every kind against a real Vault: made twice, read back, changed, drifted, put right, deleted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.errors import VaultRefused
from infra.secrets import objects
from infra.secrets.client import Vault
from tests.harness.vault import Server


def _public_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KEY = _public_key()
SERVICE_ACCOUNT = "system:serviceaccount:sandbox-demo:default"

#: kind, inputs, changed inputs, what somebody does by hand (method, path, body), where it shows
CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any], tuple[str, str, Any], str]] = {
    "kv": (
        objects.SecretsEngine(),
        {"path": "kv-x/", "type": "kv", "options": {"version": "2"}, "description": "secrets"},
        {"path": "kv-x", "type": "kv", "options": {"version": "2"}, "maxLeaseTtl": 3600},
        ("POST", "sys/mounts/kv-x/tune", {"default_lease_ttl": 99}),
        "defaultLeaseTtl",
    ),
    "transit engine": (
        objects.SecretsEngine(),
        {"path": "transit-x", "type": "transit"},
        {"path": "transit-x", "type": "transit", "description": "keys"},
        ("POST", "sys/mounts/transit-x/tune", {"description": "taken"}),
        "description",
    ),
    "jwt": (
        objects.AuthMethod(),
        {
            "path": "jwt-x",
            "type": "jwt",
            "config": {"jwt_validation_pubkeys": [KEY], "bound_issuer": "https://kubernetes"},
        },
        {
            "path": "jwt-x",
            "type": "jwt",
            "maxLeaseTtl": 3600,
            "config": {"jwt_validation_pubkeys": [KEY], "bound_issuer": "https://cluster"},
        },
        (
            "POST",
            "auth/jwt-x/config",
            {"jwt_validation_pubkeys": [KEY, _public_key()], "bound_issuer": "https://cluster"},
        ),
        "config",
    ),
    "approle": (
        objects.AuthMethod(),
        {"path": "approle-x", "type": "approle"},
        {"path": "approle-x", "type": "approle", "description": "machines"},
        ("POST", "sys/auth/approle-x/tune", {"max_lease_ttl": 7}),
        "maxLeaseTtl",
    ),
    "policy": (
        objects.Policy(),
        {
            "name": "x",
            "rules": '\n    path "kv/data/x" {\n      capabilities = ["read"]\n    }  \n',
        },
        {"name": "x", "rules": 'path "kv/data/y" { capabilities = ["read"] }'},
        ("PUT", "sys/policies/acl/x", {"policy": 'path "*" { capabilities = ["sudo"] }'}),
        "rules",
    ),
    "transit key": (
        objects.TransitKey(),
        {"name": "x", "mount": "transit-base"},
        {"name": "x", "mount": "transit-base", "autoRotatePeriod": 86400},
        ("POST", "transit-base/keys/x/config", {"deletion_allowed": True}),
        "deletionAllowed",
    ),
    "jwt role": (
        objects.Role(),
        {
            "mount": "jwt-base",
            "name": "x",
            "parameters": {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": ["vault"],
                "bound_subject": SERVICE_ACCOUNT,
                "token_policies": "b,a",
                "token_ttl": "15m",
                "token_bound_cidrs": ["10.71.0.10/32"],
            },
        },
        {
            "mount": "jwt-base",
            "name": "x",
            "parameters": {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": ["vault"],
                "bound_subject": SERVICE_ACCOUNT,
                "token_policies": ["a"],
                "token_no_default_policy": True,
            },
        },
        # Widened by a setting that the declaration does not mention.
        (
            "POST",
            "auth/jwt-base/role/x",
            {"role_type": "jwt", "user_claim": "sub", "token_max_ttl": 999999},
        ),
        "parameters",
    ),
    "approle role": (
        objects.Role(),
        {
            "mount": "approle",
            "name": "x",
            "parameters": {"token_ttl": 600, "secret_id_num_uses": 1},
        },
        {
            "mount": "approle",
            "name": "x",
            "parameters": {"token_ttl": 300, "secret_id_num_uses": 1},
        },
        (
            "POST",
            "auth/approle/role/x",
            {"bind_secret_id": False, "token_bound_cidrs": "1.2.3.4/5"},
        ),
        "parameters",
    ),
    "audit device": (
        objects.AuditDevice(),
        {"path": "file-x", "options": {"file_path": "discard"}},
        {"path": "file-x", "options": {"file_path": "discard"}},
        ("DELETE", "sys/audit/file-x", None),
        "",
    ),
    "pki role": (
        objects.PkiRole(),
        {
            "mount": "pki-base",
            "name": "x",
            "parameters": {"allowed_domains": ["lab.local"], "max_ttl": "72h", "key_type": "ec"},
        },
        {"mount": "pki-base", "name": "x", "parameters": {"allowed_domains": "lab.local"}},
        ("POST", "pki-base/roles/x", {"allowed_domains": "lab.local", "allow_any_name": True}),
        "parameters",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _grounds(server: Server) -> Iterator[None]:
    for path, engine in (("transit-base", "transit"), ("pki-base", "pki")):
        server.api("POST", f"sys/mounts/{path}", {"type": engine})
    for path, method in (("jwt-base", "jwt"), ("cert-base", "cert")):
        server.api("POST", f"sys/auth/{path}", {"type": method})
    yield
    for path in ("transit-base", "pki-base"):
        server.api("DELETE", f"sys/mounts/{path}")
    for path in ("jwt-base", "cert-base"):
        server.api("DELETE", f"sys/auth/{path}")


@pytest.mark.parametrize("case", CASES)
def test_whole_life(case: str, vault: Vault, server: Server) -> None:
    kind, asked, changed, by_hand, shows = CASES[case]
    spec, other = kind.model.model_validate(asked), kind.model.model_validate(changed)
    assert kind.read(vault, spec, {}) is None
    kind.delete(vault, spec)  # gone already is fine

    outputs = kind.create(vault, spec)
    live = kind.read(vault, spec, outputs)
    assert live is not None
    assert live.inputs == spec.inputs(), "no drift right after it was made"
    assert kind.create(vault, spec) == outputs, "an interrupted create can be repeated"

    outputs = kind.update(vault, spec.inputs(), other)
    live = kind.read(vault, other, outputs)
    assert live is not None
    assert live.inputs == other.inputs()
    assert live.outputs == outputs

    server.api(*by_hand)
    live = kind.read(vault, other, outputs)
    if shows:
        assert live is not None
        strayed = {key for key in live.inputs if live.inputs[key] != other.inputs()[key]}
        assert strayed == {shows}
        outputs = kind.update(vault, live.inputs, other)
        live = kind.read(vault, other, outputs)
        assert live is not None
        assert live.inputs == other.inputs(), "an update puts it right"
    else:
        assert live is None

    kind.delete(vault, other)
    assert kind.read(vault, other, outputs) is None
    kind.delete(vault, other)


def test_cert_roles_live_below_certs(vault: Vault, server: Server) -> None:
    kind = objects.Role()
    parameters = {"certificate": server.ca.read_text(), "token_policies": "x", "token_ttl": 3600}
    spec = kind.model.model_validate(
        {"mount": "cert-base", "name": "kms-plugin", "parameters": parameters}
    )
    kind.create(vault, spec)
    assert vault.read("auth/cert-base/certs/kms-plugin") is not None
    kind.delete(vault, spec)


def test_a_role_needs_its_auth_method(vault: Vault) -> None:
    kind = objects.Role()
    spec = kind.model.model_validate({"mount": "nowhere", "name": "x", "parameters": {}})
    assert kind.read(vault, spec, {}) is None
    kind.delete(vault, spec)
    with pytest.raises(VaultRefused, match="no auth method at nowhere/"):
        kind.create(vault, spec)


def test_a_misspelt_protection_is_an_error(vault: Vault) -> None:
    kind = objects.Role()
    parameters = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audience": "v",
        "bound_subject": "s",
    }
    spec = kind.model.model_validate(
        {"mount": "jwt-base", "name": "misspelt", "parameters": parameters}
    )
    with pytest.raises(VaultRefused, match=r"did not keep .*: parameters\.bound_audience\."):
        kind.create(vault, spec)


@pytest.mark.parametrize("kind", [objects.SecretsEngine(), objects.AuthMethod()])
def test_a_mount_of_another_type_is_not_taken_over(kind: Any, vault: Vault) -> None:
    taken, other = (
        ("pki-base", "transit") if kind.noun == "secrets engine" else ("jwt-base", "cert")
    )
    spec = kind.model.model_validate({"path": taken, "type": other})
    with pytest.raises(VaultRefused, match=f"{taken}/ is taken"):
        kind.create(vault, spec)


def test_another_audit_device_is_not_taken_over(vault: Vault) -> None:
    kind = objects.AuditDevice()
    one = kind.model.model_validate({"path": "twice", "options": {"file_path": "discard"}})
    kind.create(vault, one)
    with pytest.raises(VaultRefused, match="already, with other settings"):
        kind.create(vault, one.model_copy(update={"description": "other"}))
    kind.delete(vault, one)


class TestPkiAuthority:
    kind = objects.PkiAuthority()

    def spec(self, **inputs: Any) -> Any:
        asked = {"mount": "pki-base", "commonName": "users of the database", "ttl": 3600}
        return self.kind.model.model_validate(asked | inputs)

    def test_whole_life(self, vault: Vault, server: Server) -> None:
        spec = self.spec()
        assert self.kind.read(vault, spec, {}) is None
        self.kind.delete(vault, spec)  # gone already is fine
        outputs = self.kind.create(vault, spec)
        live = self.kind.read(vault, spec, outputs)
        assert live is not None
        assert live.inputs == spec.inputs(), "no drift right after it was made"
        assert self.kind.create(vault, spec) == outputs, "an interrupted create can be repeated"
        certificate = x509.load_pem_x509_certificate(outputs["certificate"].encode())
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert limits.ca
        assert limits.path_length == 0

        self.kind.delete(vault, spec)
        assert self.kind.read(vault, spec, outputs) is None
        again = self.kind.create(vault, spec)
        assert again != outputs, "the key of the one before is gone"
        self.kind.delete(vault, spec)

    def test_somebody_elses_authority_is_told_and_not_taken_over(
        self, vault: Vault, server: Server
    ) -> None:
        spec = self.spec()
        outputs = self.kind.create(vault, spec)
        server.api("DELETE", "pki-base/root")
        other = {"common_name": "somebody", "ttl": "1h", "key_type": "rsa"}
        server.api("POST", "pki-base/root/generate/internal", other)
        live = self.kind.read(vault, spec, outputs)
        assert live is not None
        strayed = {key for key in live.inputs if live.inputs[key] != spec.inputs()[key]}
        assert strayed == {"commonName", "keyType"}
        with pytest.raises(VaultRefused, match="another authority already: somebody"):
            self.kind.create(vault, spec)
        self.kind.delete(vault, spec)

    def test_an_engine_that_allows_less_is_an_error(self, vault: Vault, server: Server) -> None:
        """Vault would sign for a shorter time than it was asked to, and only warn."""
        with pytest.raises(VaultRefused, match=r"did not keep .*: ttl\."):
            self.kind.create(vault, self.spec(ttl=40 * 365 * 86_400))
        self.kind.delete(vault, self.spec())


class TestTransitKey:
    kind = objects.TransitKey()

    def spec(self, **inputs: Any) -> Any:
        return self.kind.model.model_validate({"mount": "transit-base", **inputs})

    def test_deleting_makes_ciphertext_unreadable(self, vault: Vault, server: Server) -> None:
        spec = self.spec(name="shredded")
        self.kind.create(vault, spec)
        plaintext = {"plaintext": base64.b64encode(b"canary").decode()}
        answer = server.api("POST", "transit-base/encrypt/shredded", plaintext)
        self.kind.delete(vault, spec)
        self.kind.create(vault, spec)
        with pytest.raises(requests.HTTPError, match="400"):
            server.api("POST", "transit-base/decrypt/shredded", answer["data"])

    def test_a_key_of_another_type_is_not_taken_over(self, vault: Vault) -> None:
        self.kind.create(vault, self.spec(name="typed"))
        with pytest.raises(VaultRefused, match="already, of type aes256-gcm96"):
            self.kind.create(vault, self.spec(name="typed", type="ed25519"))

    def test_a_key_made_exportable_is_reported_for_it_cannot_be_undone(
        self, vault: Vault, server: Server
    ) -> None:
        spec = self.spec(name="weakened")
        self.kind.create(vault, spec)
        server.api("POST", "transit-base/keys/weakened/config", {"exportable": True})
        live = self.kind.read(vault, spec, {})
        assert live is not None
        assert live.inputs["exportable"] is True
        complaint = "exportable, which Vault cannot take back"
        with pytest.raises(VaultRefused, match=complaint):
            self.kind.update(vault, live.inputs, spec)
        with pytest.raises(VaultRefused, match=complaint):
            self.kind.create(vault, spec)
        self.kind.delete(vault, spec)
