"""A sandbox's own corner of Vault, as plain data. Pure: no Pulumi, no Vault.

Its workloads log in with a service account token made for Vault (audience) and get a token that
can use one transit key and one KV path, and nothing else; not even Vault's `default` policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from infra import naming

#: Seconds.
_DAY = 86_400
TOKEN_TTL = 15 * 60
TOKEN_MAX_TTL = 60 * 60
KEY_ROTATION = 30 * _DAY


@dataclass(frozen=True, slots=True)
class VaultPolicy:
    """An ACL policy; `rules` is HCL."""

    name: str
    rules: str


@dataclass(frozen=True, slots=True)
class VaultTransitKey:
    """A key that never leaves Vault; deleting it shreds what it encrypted. Seconds."""

    mount: str
    name: str
    key_type: str
    auto_rotate_period: int


@dataclass(frozen=True, slots=True)
class VaultJwtRole:
    """Who may log in with a service account token, and what for."""

    mount: str
    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VaultMounts:
    """Where the engines and methods are mounted."""

    transit: str = naming.VAULT_TRANSIT
    kv: str = naming.VAULT_KV
    jwt: str = naming.VAULT_JWT


@dataclass(frozen=True, slots=True)
class VaultObjects:
    """Everything of one sandbox in Vault. `kv_path` exists once something is written to it."""

    policy: VaultPolicy
    key: VaultTransitKey
    role: VaultJwtRole
    kv_path: str


def vault_objects(sandbox: str, mounts: VaultMounts) -> VaultObjects:
    """The sandbox's key, KV path, policy and role."""
    key = VaultTransitKey(
        mounts.transit, naming.sandbox_transit_key(sandbox), "aes256-gcm96", KEY_ROTATION
    )
    prefix = naming.sandbox_kv_prefix(sandbox)
    name = naming.sandbox_role(sandbox)
    return VaultObjects(
        policy=VaultPolicy(name, _rules(key, mounts.kv, prefix)),
        key=key,
        role=VaultJwtRole(mounts.jwt, name, _parameters(sandbox, name)),
        kv_path=f"{mounts.kv}/{prefix}",
    )


def _rules(key: VaultTransitKey, kv: str, prefix: str) -> str:
    """Each path is the sandbox's own. "update" without "create" cannot make another key."""
    return dedent(f"""\
        path "{key.mount}/encrypt/{key.name}" {{
          capabilities = ["update"]
        }}

        path "{key.mount}/decrypt/{key.name}" {{
          capabilities = ["update"]
        }}

        path "{kv}/data/{prefix}/*" {{
          capabilities = ["create", "read", "update", "delete"]
        }}

        path "{kv}/metadata/{prefix}/*" {{
          capabilities = ["read", "list", "delete"]
        }}

        path "auth/token/lookup-self" {{
          capabilities = ["read"]
        }}

        path "auth/token/renew-self" {{
          capabilities = ["update"]
        }}

        path "auth/token/revoke-self" {{
          capabilities = ["update"]
        }}
        """)


def _parameters(sandbox: str, policy: str) -> dict[str, Any]:
    """https://developer.hashicorp.com/vault/api-docs/auth/jwt#create-update-role"""
    namespace = naming.sandbox_namespace(sandbox)
    account = naming.SANDBOX_SERVICE_ACCOUNT
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [naming.VAULT_AUDIENCE],
        "bound_subject": f"system:serviceaccount:{namespace}:{account}",
        "bound_claims": {
            "/kubernetes.io/namespace": namespace,
            "/kubernetes.io/serviceaccount/name": account,
        },
        "token_policies": [policy],
        "token_no_default_policy": True,
        "token_ttl": TOKEN_TTL,
        "token_max_ttl": TOKEN_MAX_TTL,
    }
