"""What Vault lets the users of the lab's database do, as plain data. Pure: no Pulumi, no Vault.

A user is a service account of the cluster. It logs in with its token, has a certificate signed for
a key that it made itself, and shows that to the database. What it holds lives a day at most, so
there is no password to keep, to rotate or to take back.
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from infra import naming

#: Seconds.
_HOUR = 60 * 60
CERTIFICATE_TTL = 24 * _HOUR
#: For one certificate.
TOKEN_TTL = 5 * 60
#: The authority lives as long as the lab's own.
AUTHORITY_TTL = 3650 * 24 * _HOUR


def authority_name(lab: str) -> str:
    """Common name of the authority."""
    return f"AI lab {lab} database users"


def pki_role(user: str) -> dict[str, Any]:
    """The one name that certificates of this role have, and what they are good for.

    https://developer.hashicorp.com/vault/api-docs/secret/pki#create-update-role
    """
    return {
        "allowed_domains": [user],
        "allow_bare_domains": True,
        "allow_subdomains": False,
        "allow_glob_domains": False,
        "allow_wildcard_certificates": False,
        "allow_any_name": False,
        "allow_localhost": False,
        "allow_ip_sans": False,
        "allowed_uri_sans": [],
        "allowed_other_sans": [],
        "use_csr_sans": False,
        "require_cn": True,
        "client_flag": True,
        "server_flag": False,
        "code_signing_flag": False,
        "email_protection_flag": False,
        "key_usage": ["DigitalSignature"],
        "key_type": "ec",
        "key_bits": 256,
        "ttl": CERTIFICATE_TTL,
        "max_ttl": CERTIFICATE_TTL,
        # They end before anybody could look them up.
        "no_store": True,
    }


def policy(user: str, mount: str = naming.VAULT_DATABASE_PKI) -> str:
    """Rules for a user: a certificate of its own name for a key of its own, and nothing else."""
    return dedent(f"""\
        path "{mount}/sign/{user}" {{
          capabilities = ["update"]
        }}

        path "auth/token/revoke-self" {{
          capabilities = ["update"]
        }}
        """)


def jwt_role(user: str, *, namespace: str, service_account: str) -> dict[str, Any]:
    """Who may log in for that: one service account.

    https://developer.hashicorp.com/vault/api-docs/auth/jwt#create-update-role
    """
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [naming.VAULT_AUDIENCE],
        "bound_subject": f"system:serviceaccount:{namespace}:{service_account}",
        "bound_claims": {
            "/kubernetes.io/namespace": namespace,
            "/kubernetes.io/serviceaccount/name": service_account,
        },
        "token_policies": [naming.vault_database_role(user)],
        "token_no_default_policy": True,
        "token_ttl": TOKEN_TTL,
        "token_max_ttl": TOKEN_TTL,
    }
