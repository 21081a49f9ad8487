"""What Vault lets sandboxes that were asked for do, and the operator that makes them. Pure.

One policy serves all these sandboxes: Vault fills in the namespace that a login came from. So the
operator needs no right to write policies, and what it may write, Vault itself holds to one form
(`allowed_parameters`). Values are texts where Vault takes texts: it compares what is written
with what is allowed before it converts either.
https://developer.hashicorp.com/vault/docs/concepts/policies
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from infra import naming

KEY_TYPE = "aes256-gcm96"
#: Durations as they are written: Vault compares texts.
KEY_ROTATION = "720h"
TOKEN_TTL = "15m"  # noqa: S105 - a duration
TOKEN_MAX_TTL = "1h"  # noqa: S105 - a duration
OPERATOR_TOKEN_TTL = "15m"  # noqa: S105 - a duration

_SUBJECT = "system:serviceaccount:"
#: Claim of a service account's token to the metadata that policies are filled in with.
_CLAIMS = "/kubernetes.io/namespace=namespace"


@dataclass(frozen=True, slots=True)
class Mounts:
    """Where a ground's engines and its login are; `accessor` is the login's own, made by Vault."""

    accessor: str
    transit: str = naming.VAULT_TRANSIT
    kv: str = naming.VAULT_KV
    jwt: str = naming.VAULT_JWT


def namespace_of(identity: str) -> str:
    """Namespace of a sandbox, which also names its key and its role.

    Raises:
        ValueError: the identity is none of the operator's.
    """
    if not identity.startswith(naming.REQUESTED_PREFIX):
        raise ValueError(f"{identity!r} is not the identity of a sandbox that was asked for")
    return naming.sandbox_namespace(identity)


def sandbox_policy(mounts: Mounts) -> str:
    """Rules for every sandbox that was asked for: its own key, its own secrets, nothing else.

    "update" without "create" cannot make another key.
    """
    own = f"{{{{identity.entity.aliases.{mounts.accessor}.metadata.namespace}}}}"
    secrets = naming.requested_kv_prefix(own)
    return (
        dedent(f"""\
        path "{mounts.transit}/encrypt/{own}" {{
          capabilities = ["update"]
        }}

        path "{mounts.transit}/decrypt/{own}" {{
          capabilities = ["update"]
        }}

        path "{mounts.kv}/data/{secrets}/*" {{
          capabilities = ["create", "read", "update", "delete"]
        }}

        path "{mounts.kv}/metadata/{secrets}/*" {{
          capabilities = ["read", "list", "delete"]
        }}

        """)
        + own_token()
    )


def own_token() -> str:
    """Rules about one's own token: what Vault's `default` policy gives besides is not needed."""
    return dedent("""\
        path "auth/token/lookup-self" {
          capabilities = ["read"]
        }

        path "auth/token/renew-self" {
          capabilities = ["update"]
        }

        path "auth/token/revoke-self" {
          capabilities = ["update"]
        }
        """)


def role_parameters(namespace: str, mounts: Mounts) -> dict[str, Any]:
    """The JWT role of a sandbox, in the only form in which the operator may write it.

    https://developer.hashicorp.com/vault/api-docs/auth/jwt#create-update-role
    """
    return {
        **_fixed(naming.vault_sandbox_policy(mounts.jwt)),
        "bound_subject": subject(namespace),
    }


def subject(namespace: str) -> str:
    """As whom a sandbox's workloads log in; also the name of their alias in Vault."""
    return f"{_SUBJECT}{namespace}:{naming.SANDBOX_SERVICE_ACCOUNT}"


def _fixed(policy: str) -> dict[str, Any]:
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": naming.VAULT_AUDIENCE,
        "claim_mappings": _CLAIMS,
        "token_policies": policy,
        "token_no_default_policy": True,
        "token_ttl": TOKEN_TTL,
        "token_max_ttl": TOKEN_MAX_TTL,
    }


def operator_policy(mounts: Mounts) -> str:
    """Rules for the operator. Left out on purpose: policies, decrypting, exporting, secrets.

    Deleting an entity needs its random id. Which one a sandbox's login has, the operator may ask;
    it cannot learn any other, and with an id it can only end logins.
    """
    mine = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
    role = {
        name: [value] for name, value in _fixed(naming.vault_sandbox_policy(mounts.jwt)).items()
    }
    role["bound_subject"] = [f"{_SUBJECT}{mine}*"]
    key: dict[str, list[Any]] = {
        "type": [KEY_TYPE],
        "auto_rotate_period": [KEY_ROTATION],
        "exportable": [False],
        "allow_plaintext_backup": [False],
        "deletion_allowed": [True],
    }
    alias = {"alias_name": [f"{_SUBJECT}{mine}*"], "alias_mount_accessor": [mounts.accessor]}
    transit, kv = mounts.transit, f"{mounts.kv}/metadata/{naming.VAULT_REQUESTED}"
    return "\n".join(
        [
            _path(f"{transit}/keys", "list"),
            _path(f"{transit}/keys/{mine}*", "create", "read", "update", "delete", allowed=key),
            _path(f"{transit}/encrypt/{mine}*", "update", allowed={"plaintext": []}),
            # Gives out ciphertext only, or says that there is no key.
            _path(f"{transit}/rewrap/{mine}*", "update", allowed={"ciphertext": []}),
            _path(f"{transit}/keys/{naming.VAULT_EVIDENCE_KEY}", "read"),
            _path(f"{transit}/sign/{naming.VAULT_EVIDENCE_KEY}", "update"),
            _path(f"auth/{mounts.jwt}/role", "list"),
            _path(
                f"auth/{mounts.jwt}/role/{mine}*",
                "create", "read", "update", "delete",
                allowed=role,
                required=list(role),
            ),
            _path("identity/lookup/entity", "update", allowed=alias, required=list(alias)),
            _path("identity/entity/id/*", "delete"),
            _path(kv, "list"),
            _path(f"{kv}/*", "list", "delete"),
            own_token(),
        ]
    )  # fmt: skip


def operator_role() -> dict[str, Any]:
    """The JWT role with which the operator logs in; Pulumi's to write."""
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [naming.VAULT_AUDIENCE],
        "bound_subject": f"{_SUBJECT}{naming.OPERATOR_NAMESPACE}:{naming.OPERATOR}",
        "token_policies": [naming.OPERATOR],
        "token_no_default_policy": True,
        "token_ttl": OPERATOR_TOKEN_TTL,
        "token_max_ttl": OPERATOR_TOKEN_TTL,
    }


def _path(
    path: str,
    *capabilities: str,
    allowed: Mapping[str, list[Any]] | None = None,
    required: list[str] | None = None,
) -> str:
    lines = [f"  capabilities = {json.dumps(capabilities)}"]
    if required:
        lines.append(f"  required_parameters = {json.dumps(required)}")
    if allowed is not None:
        lines.append("  allowed_parameters = {")
        lines += [
            f"    {json.dumps(name)} = {json.dumps(values)}" for name, values in allowed.items()
        ]
        lines.append("  }")
    return "\n".join([f'path "{path}" {{', *lines, "}", ""])
