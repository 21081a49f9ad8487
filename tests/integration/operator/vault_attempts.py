"""What the operator's token must not be able to do in Vault, tried one by one.

Each attempt would be of use to somebody who has taken the operator over. An attempt that Vault
refuses for any reason other than a missing right would prove nothing: it counts as well.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from infra import naming
from infra.secrets import requested
from infra.secrets.requested import Mounts
from tests.harness import vault as harness

VICTIM = "sandbox-x-victim"
_PLAINTEXT = base64.b64encode(b"x").decode()


@dataclass(frozen=True)
class Attempt:
    id: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None


def _role(mounts: Mounts, **changes: Any) -> dict[str, Any]:
    found = requested.role_parameters(VICTIM, mounts) | changes
    return {name: value for name, value in found.items() if value is not None}


def attempts(mounts: Mounts, sealed: str, entity: str) -> list[Attempt]:
    """`sealed` is ciphertext of the victim, `entity` the id of its login."""
    role = f"auth/{mounts.jwt}/role/{VICTIM}"
    wrong_roles: dict[str, dict[str, Any]] = {
        "another-policy": {"token_policies": "lab"},
        "another-policy-in-a-list": {"token_policies": ["lab"]},
        "a-further-policy": {"token_policies": f"{naming.vault_sandbox_policy('jwt')},lab"},
        "a-further-policy-in-a-list": {
            "token_policies": [naming.vault_sandbox_policy("jwt"), "lab"]
        },
        "the-old-name-of-policies": {"policies": "lab"},
        "another-claim": {"claim_mappings": "/sub=namespace"},
        "another-claim-in-a-map": {"claim_mappings": {"/sub": "namespace"}},
        "no-claim": {"claim_mappings": None},
        "no-subject": {"bound_subject": None},
        "another-user-claim": {"user_claim": "/kubernetes.io/namespace"},
        "a-subject-of-the-lab": {"bound_subject": "system:serviceaccount:kube-system:default"},
        "another-audience": {"bound_audiences": "https://home"},
        "a-token-for-ever": {"token_period": "24h"},
        "a-long-token": {"token_ttl": "24h", "token_max_ttl": "240h"},
        "the-default-policy": {"token_no_default_policy": False},
        "groups": {"groups_claim": "/sub"},
        "another-login": {"role_type": "oidc"},
    }
    return [
        *(
            Attempt(f"role-with-{id_}", "POST", role, _role(mounts, **changes))
            for id_, changes in wrong_roles.items()
        ),
        Attempt("role-of-the-lab", "POST", f"auth/{mounts.jwt}/role/ci", _role(mounts)),
        Attempt("role-of-a-configured-sandbox", "DELETE", f"auth/{mounts.jwt}/role/sandbox-demo"),
        Attempt("own-role", "POST", f"auth/{mounts.jwt}/role/{naming.OPERATOR}", _role(mounts)),
        Attempt("login-config", "POST", f"auth/{mounts.jwt}/config", {"bound_issuer": "x"}),
        Attempt("write-a-policy", "PUT", "sys/policies/acl/mine", {"policy": 'path "*" {}'}),
        Attempt(
            "change-the-policy",
            "PUT",
            f"sys/policies/acl/{naming.vault_sandbox_policy(mounts.jwt)}",
            {"policy": 'path "*" {}'},
        ),
        Attempt("make-a-token", "POST", "auth/token/create", {"policies": ["lab"]}),
        Attempt("make-a-login", "POST", "sys/auth/mine", {"type": "approle"}),
        Attempt("make-an-engine", "POST", "sys/mounts/mine", {"type": "kv"}),
        Attempt("decrypt", "POST", f"transit/decrypt/{VICTIM}", {"ciphertext": sealed}),
        Attempt("export", "GET", f"transit/export/encryption-key/{VICTIM}"),
        Attempt("back-up", "GET", f"transit/backup/{VICTIM}"),
        Attempt("make-exportable", "POST", f"transit/keys/{VICTIM}/config", {"exportable": True}),
        Attempt(
            "make-an-exportable-key",
            "POST",
            "transit/keys/sandbox-x-open",
            {"type": requested.KEY_TYPE, "exportable": True},
        ),
        Attempt(
            "give-a-key-a-plaintext-backup",
            "POST",
            f"transit/keys/{VICTIM}/config",
            {"allow_plaintext_backup": True},
        ),
        Attempt("make-a-key-of-the-lab", "POST", "transit/keys/other", {}),
        Attempt("kms-key-read", "GET", f"transit/keys/{naming.VAULT_KMS_KEY}"),
        Attempt(
            "kms-key-deletable",
            "POST",
            f"transit/keys/{naming.VAULT_KMS_KEY}/config",
            {"deletion_allowed": True},
        ),
        Attempt("kms-key-delete", "DELETE", f"transit/keys/{naming.VAULT_KMS_KEY}"),
        Attempt(
            "kms-key-encrypt",
            "POST",
            f"transit/encrypt/{naming.VAULT_KMS_KEY}",
            {"plaintext": _PLAINTEXT},
        ),
        Attempt("kms-key-sign", "POST", f"transit/sign/{naming.VAULT_KMS_KEY}", {"input": "eA=="}),
        Attempt("configured-key-delete", "DELETE", "transit/keys/sandbox-demo"),
        Attempt(
            "evidence-key-deletable",
            "POST",
            f"transit/keys/{naming.VAULT_EVIDENCE_KEY}/config",
            {"deletion_allowed": True},
        ),
        Attempt("evidence-key-rotate", "POST", f"transit/keys/{naming.VAULT_EVIDENCE_KEY}/rotate"),
        Attempt("read-a-secret", "GET", f"kv/data/requested/{VICTIM}/a"),
        Attempt("write-a-secret", "POST", f"kv/data/requested/{VICTIM}/a", {"data": {"a": "b"}}),
        Attempt("read-metadata", "GET", f"kv/metadata/requested/{VICTIM}/a"),
        Attempt("list-configured-secrets", "LIST", "kv/metadata/sandboxes"),
        Attempt("read-a-configured-secret", "GET", "kv/data/sandboxes/demo/a"),
        Attempt("delete-a-configured-secret", "DELETE", "kv/metadata/sandboxes/demo/a"),
        Attempt("list-entities", "LIST", "identity/entity/id"),
        Attempt("read-an-entity", "GET", f"identity/entity/id/{entity}"),
        Attempt(
            "give-an-entity-a-policy", "POST", f"identity/entity/id/{entity}", {"policies": ["lab"]}
        ),
        Attempt(
            "find-an-entity-of-the-lab",
            "POST",
            "identity/lookup/entity",
            {
                "alias_name": requested.subject(naming.OPERATOR_NAMESPACE),
                "alias_mount_accessor": mounts.accessor,
            },
        ),
        Attempt("find-any-entity", "POST", "identity/lookup/entity", {"id": entity}),
        Attempt("make-a-group", "POST", "identity/group", {"name": "mine", "policies": ["lab"]}),
        Attempt("seal-vault", "PUT", "sys/seal"),
        Attempt("read-raw-storage", "GET", "sys/raw/core/master"),
        Attempt("stop-the-audit", "DELETE", "sys/audit/file"),
    ]


def ask(server: harness.Server, token: str, attempt: Attempt) -> requests.Response:
    return requests.request(
        attempt.method,
        f"{server.address}/v1/{attempt.path}",
        json=attempt.body,
        headers={"X-Vault-Token": token},
        verify=str(server.ca),
        timeout=10,
    )


def successes(server: harness.Server, token: str, tried: list[Attempt]) -> set[str]:
    """Ids of what was not refused for want of a right."""
    return {attempt.id for attempt in tried if ask(server, token, attempt).status_code != 403}
