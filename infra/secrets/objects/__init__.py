"""The kinds of objects that the lab keeps in Vault, one module each."""

from infra.secrets.objects.audit_device import AuditDevice
from infra.secrets.objects.auth_method import AuthMethod
from infra.secrets.objects.kind import Kind, Live, Spec
from infra.secrets.objects.pki_authority import PkiAuthority
from infra.secrets.objects.pki_role import PkiRole
from infra.secrets.objects.policy import Policy
from infra.secrets.objects.role import Role
from infra.secrets.objects.secrets_engine import SecretsEngine
from infra.secrets.objects.transit_key import TransitKey

__all__ = [
    "AuditDevice",
    "AuthMethod",
    "Kind",
    "Live",
    "PkiAuthority",
    "PkiRole",
    "Policy",
    "Role",
    "SecretsEngine",
    "Spec",
    "TransitKey",
]
