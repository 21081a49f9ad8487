"""What every lab keeps in its Vault, as Pulumi components over our own provider.

`VaultBaseline` is needed before there is a cluster, because the API server encrypts with a key
in it; `ClusterLogin` after, because it trusts the keys of that cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

import pulumi

from infra import naming
from infra.contracts import Cluster, SecretStore
from infra.provider import sdk

#: Seconds.
_DAY = 86_400
#: The API server takes a new version of its key into use by itself (KMS v2).
KMS_KEY_ROTATION = 90 * _DAY
#: A token of the KMS plugin lives as long as the plugin renews it, and this long at most after.
KMS_TOKEN_PERIOD = 60 * 60

#: The audit device that the bootstrap makes, in the same words, so that it is taken over.
AUDIT_PATH = "file"
AUDIT_OPTIONS = {"file_path": "/var/log/vault/audit.log", "mode": "0600"}

_KMS_RULES = dedent(f"""\
    path "{naming.VAULT_TRANSIT}/encrypt/{naming.VAULT_KMS_KEY}" {{
      capabilities = ["update"]
    }}

    path "{naming.VAULT_TRANSIT}/decrypt/{naming.VAULT_KMS_KEY}" {{
      capabilities = ["update"]
    }}

    path "{naming.VAULT_TRANSIT}/keys/{naming.VAULT_KMS_KEY}" {{
      capabilities = ["read"]
    }}

    path "auth/token/lookup-self" {{
      capabilities = ["read"]
    }}

    path "auth/token/renew-self" {{
      capabilities = ["update"]
    }}
    """)


def connection(secret_store: SecretStore) -> sdk.VaultConnection:
    """The lab's way into its Vault; paths of files, never what is in them."""
    return sdk.VaultConnection(
        secret_store.address, secret_store.ca_certificate, secret_store.credentials
    )


def carried_by(secret_store: SecretStore) -> pulumi.ResourceOptions:
    """Options of everything in Vault: it goes with it, and is made anew with it.

    Deleting before replacing is needed because names are fixed: what is deleted after its
    replacement was made would be the replacement.
    """
    return pulumi.ResourceOptions(
        depends_on=[secret_store.resource],
        deleted_with=secret_store.resource,
        replacement_trigger=secret_store.instance,
        delete_before_replace=True,
    )


#: A token with which a copy of Vault is taken.
BACKUP_TOKEN_TTL = 10 * 60

_BACKUP_RULES = dedent("""\
    path "sys/storage/raft/snapshot" {
      capabilities = ["read"]
    }

    path "auth/token/revoke-self" {
      capabilities = ["update"]
    }
    """)


#: How long tokens of a role live.
_LIVES = {
    naming.VAULT_KMS_ROLE: {"token_period": KMS_TOKEN_PERIOD},
    naming.VAULT_BACKUP_ROLE: {"token_explicit_max_ttl": BACKUP_TOKEN_TTL},
}


@dataclass(frozen=True, slots=True)
class MachineAccess:
    """Which machines may log in with their certificates, for one purpose.

    `authority` is the certificate (PEM) of the CA; `machines` are the common names of the
    certificates and the addresses from which they may come.
    """

    authority: pulumi.Input[str]
    machines: Sequence[tuple[str, str]]


class VaultBaseline(pulumi.ComponentResource):
    """Engines, the audit device, and what machines may do with their certificates.

    `kms` makes the key with which API servers encrypt, for their KMS plugins; a cluster whose
    provider encrypts its secrets needs none. `backup` lets machines take copies of Vault.
    """

    def __init__(
        self,
        name: str,
        *,
        secret_store: SecretStore,
        kms: MachineAccess | None = None,
        backup: MachineAccess | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:secrets:VaultBaseline", name, {}, opts)
        self._way_in = connection(secret_store)
        self._carried = pulumi.ResourceOptions.merge(
            carried_by(secret_store), pulumi.ResourceOptions(parent=self)
        )
        self._audit(secret_store)
        transit = sdk.SecretsEngine(
            "transit",
            connection=self._way_in,
            path=secret_store.transit_mount,
            engine="transit",
            description="Keys that never leave Vault",
            opts=self._carried,
        )
        sdk.SecretsEngine(
            "kv",
            connection=self._way_in,
            path=secret_store.kv_mount,
            engine="kv",
            description="Secrets of sandboxes, versioned",
            options={"version": "2"},
            opts=self._carried,
        )
        if kms is not None or backup is not None:
            certificates = self._certificates()
            if kms is not None:
                self._kms_key(transit)
                self._role("kms", naming.VAULT_KMS_ROLE, _KMS_RULES, kms, certificates)
            if backup is not None:
                self._role("backup", naming.VAULT_BACKUP_ROLE, _BACKUP_RULES, backup, certificates)
        self.register_outputs({})

    def _audit(self, secret_store: SecretStore) -> None:
        """Declared so that its loss shows as drift. The lab's role may make it, not remove it,
        so it is never replaced: a new Vault has it from its bootstrap.
        """
        sdk.AuditDevice(
            "audit",
            connection=self._way_in,
            path=AUDIT_PATH,
            options=AUDIT_OPTIONS,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[secret_store.resource],
                deleted_with=secret_store.resource,
                retain_on_delete=True,
            ),
        )

    def _kms_key(self, transit: pulumi.Resource) -> None:
        sdk.TransitKey(
            "kms-key",
            connection=self._way_in,
            name=naming.VAULT_KMS_KEY,
            mount=naming.VAULT_TRANSIT,
            key_type="aes256-gcm96",
            auto_rotate_period=KMS_KEY_ROTATION,
            opts=pulumi.ResourceOptions.merge(
                self._carried, pulumi.ResourceOptions(depends_on=[transit])
            ),
        )

    def _certificates(self) -> sdk.AuthMethod:
        return sdk.AuthMethod(
            "cert",
            connection=self._way_in,
            path=naming.VAULT_CERT,
            method="cert",
            description="Machines of the lab, by their certificates",
            opts=self._carried,
        )

    def _role(
        self,
        purpose: str,
        role: str,
        rules: str,
        access: MachineAccess,
        certificates: sdk.AuthMethod,
    ) -> None:
        """A policy and the role that gives it to these machines, and nothing else."""
        policy = sdk.Policy(
            f"{purpose}-policy", connection=self._way_in, name=role, rules=rules, opts=self._carried
        )
        sdk.Role(
            f"{purpose}-role",
            connection=self._way_in,
            mount=naming.VAULT_CERT,
            name=role,
            parameters={
                "certificate": access.authority,
                "allowed_common_names": [common_name for common_name, _ in access.machines],
                "token_policies": [role],
                "token_no_default_policy": True,
                **_LIVES[role],
                "token_bound_cidrs": [f"{address}/32" for _, address in access.machines],
            },
            opts=pulumi.ResourceOptions.merge(
                self._carried, pulumi.ResourceOptions(depends_on=[certificates, policy])
            ),
        )


class ClusterLogin(pulumi.ComponentResource):
    """Lets workloads of a cluster log in with their service account tokens.

    Vault checks the tokens with the cluster's public keys and never asks the API server, so it
    needs no rights there. `login` is what roles depend on.
    """

    login: sdk.AuthMethod

    def __init__(
        self,
        name: str,
        *,
        secret_store: SecretStore,
        cluster: Cluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:secrets:ClusterLogin", name, {}, opts)
        keys: pulumi.Input[Sequence[str]] = cluster.service_account_keys
        self.login = sdk.AuthMethod(
            secret_store.jwt_mount,
            connection=connection(secret_store),
            path=secret_store.jwt_mount,
            method="jwt",
            description=f"Service accounts of cluster {cluster.name}",
            config={
                "jwt_validation_pubkeys": keys,
                "bound_issuer": cluster.service_account_issuer,
            },
            opts=pulumi.ResourceOptions.merge(
                carried_by(secret_store), pulumi.ResourceOptions(parent=self)
            ),
        )
        self.register_outputs({})
