"""Names that the program's side and the plugin's side of the provider must agree on."""

from __future__ import annotations

#: Name of the plugin: `pulumi-resource-ailab`.
NAME = "ailab"
VERSION = "0.1.0"

MACHINE = "ailab:hosts:Machine"
PLAYBOOK = "ailab:ansible:Playbook"
SECRETS_ENGINE = "ailab:vault:SecretsEngine"
AUTH_METHOD = "ailab:vault:AuthMethod"
POLICY = "ailab:vault:Policy"
TRANSIT_KEY = "ailab:vault:TransitKey"
ROLE = "ailab:vault:Role"
AUDIT_DEVICE = "ailab:vault:AuditDevice"
PKI_AUTHORITY = "ailab:vault:PkiAuthority"
PKI_ROLE = "ailab:vault:PkiRole"
ISSUER_KEYS = "ailab:kubernetes:IssuerKeys"
