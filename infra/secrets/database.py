"""The lab's database as far as Vault is concerned, as Pulumi components.

`DatabaseAuthority` is needed before the database is set up, because that trusts its certificate;
`DatabaseLogins` once there is a cluster, because they are of its service accounts.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra import naming
from infra.contracts import Database, DatabaseServer, SecretStore
from infra.provider import sdk
from infra.secrets import database_access
from infra.secrets.store import carried_by, connection


class DatabaseAuthority(pulumi.ComponentResource):
    """A PKI engine for nothing but the database's users."""

    #: PEM; public.
    certificate: pulumi.Output[str]
    #: What PKI roles depend on.
    authority: sdk.PkiAuthority

    def __init__(
        self,
        lab: str,
        *,
        secret_store: SecretStore,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:secrets:DatabaseAuthority", lab, {}, opts)
        carried = pulumi.ResourceOptions.merge(
            carried_by(secret_store), pulumi.ResourceOptions(parent=self)
        )
        engine = sdk.SecretsEngine(
            naming.VAULT_DATABASE_PKI,
            connection=connection(secret_store),
            path=naming.VAULT_DATABASE_PKI,
            engine="pki",
            description="Certificates of the database's users",
            default_lease_ttl=database_access.CERTIFICATE_TTL,
            max_lease_ttl=database_access.AUTHORITY_TTL,
            opts=carried,
        )
        self.authority = sdk.PkiAuthority(
            naming.VAULT_DATABASE_PKI,
            connection=connection(secret_store),
            mount=naming.VAULT_DATABASE_PKI,
            common_name=database_access.authority_name(lab),
            ttl=database_access.AUTHORITY_TTL,
            opts=pulumi.ResourceOptions.merge(carried, pulumi.ResourceOptions(depends_on=[engine])),
        )
        self.certificate = self.authority.certificate
        self.register_outputs({})


class DatabaseLogins(pulumi.ComponentResource):
    """For each user a PKI role, and a login of its service account that may use it."""

    #: By the user's name.
    databases: Mapping[str, Database]

    def __init__(
        self,
        name: str,
        *,
        secret_store: SecretStore,
        server: DatabaseServer,
        login: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`login` is the JWT auth method of the cluster (`ClusterLogin.login`)."""
        super().__init__("ailab:secrets:DatabaseLogins", name, {}, opts)
        way_in = connection(secret_store)
        carried = pulumi.ResourceOptions.merge(
            carried_by(secret_store),
            pulumi.ResourceOptions(parent=self, depends_on=[server.resource]),
        )
        databases = {}
        for user in server.users:
            role = naming.vault_database_role(user.name)
            pki = sdk.PkiRole(
                role,
                connection=way_in,
                mount=server.pki_mount,
                name=user.name,
                parameters=database_access.pki_role(user.name),
                opts=carried,
            )
            policy = sdk.Policy(
                role,
                connection=way_in,
                name=role,
                rules=database_access.policy(user.name, server.pki_mount),
                opts=carried,
            )
            made = sdk.Role(
                role,
                connection=way_in,
                mount=secret_store.jwt_mount,
                name=role,
                parameters=database_access.jwt_role(
                    user.name, namespace=user.namespace, service_account=user.service_account
                ),
                opts=pulumi.ResourceOptions.merge(
                    carried, pulumi.ResourceOptions(depends_on=[login, pki, policy])
                ),
            )
            databases[user.name] = Database(
                server=server,
                user=user,
                jwt_mount=secret_store.jwt_mount,
                vault_role=role,
                resource=made,
            )
        self.databases = databases
        self.register_outputs({})
