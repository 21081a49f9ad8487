"""PostgreSQL: a flexible server with no public address and no password."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.access import identity
from infra.clouds.azure.endpoints import POSTGRESQL, Endpoints
from infra.clouds.azure.keys import CustomerKey, lock
from infra.clouds.azure.place import Place, kept
from infra.clouds.azure.sdk import dbforpostgresql
from infra.config.grounds.azure import AzureDatabase

#: Server parameters: transport, and what auditors want to read (CIS Azure Foundations, 5).
PARAMETERS = {
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_checkpoints": "on",
    "log_connections": "on",
    "log_disconnections": "on",
    "connection_throttle.enable": "on",
    "logfiles.retention_days": "7",
}
_SKU_TIERS = {"Standard_D": "GeneralPurpose", "Standard_E": "MemoryOptimized"}


@dataclass(frozen=True, slots=True)
class DatabaseArgs:
    """`geo_key` lies in the paired region, with an identity of its own there (`geo_place`)."""

    place: Place
    spec: AzureDatabase
    key: CustomerKey
    endpoints: Endpoints
    geo_place: Place | None = None
    geo_key: CustomerKey | None = None


class Database(pulumi.ComponentResource):
    """The lab's PostgreSQL."""

    id: pulumi.Output[str]
    #: Host name; it resolves inside the lab's network only.
    host: pulumi.Output[str]

    def __init__(self, args: DatabaseArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Database", args.place.name, {}, opts)
        place, self._args = args.place, args
        made = self._server()
        self.id, self.host = made.id, made.fully_qualified_domain_name
        last: pulumi.Resource = dbforpostgresql.AdministratorsMicrosoftEntra(
            place.named("database"),
            object_id=str(args.spec.admin_group),
            principal_name=args.spec.admin_group_name,
            principal_type="Group",
            tenant_id=place.tenant,
            server_name=made.name,
            resource_group_name=place.group,
            opts=pulumi.ResourceOptions(parent=self),
        )
        for name, value in PARAMETERS.items():
            # One after the other: the server is busy while it takes one.
            last = dbforpostgresql.Configuration(
                place.named(f"database-{name}"),
                configuration_name=name,
                value=value,
                source="user-override",
                server_name=made.name,
                resource_group_name=place.group,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        args.endpoints.to("database", POSTGRESQL, made.id, parent=self)
        lock(place, "database", made.id, parent=self)
        self.register_outputs({})

    def _server(self) -> dbforpostgresql.Server:
        place, spec, key = self._args.place, self._args.spec, self._args.key
        user = identity(place, "database", parent=self)
        before = [key.lets(place, user, parent=self)]
        users = [user]
        encryption = dbforpostgresql.DataEncryptionArgs(
            type="AzureKeyVault",
            primary_key_uri=key.uri,
            primary_user_assigned_identity_id=user.id,
        )
        if self._args.geo_place and self._args.geo_key:
            geo = identity(self._args.geo_place, "database-geo", parent=self)
            before.append(self._args.geo_key.lets(self._args.geo_place, geo, parent=self))
            users.append(geo)
            encryption.geo_backup_key_uri = self._args.geo_key.uri
            encryption.geo_backup_user_assigned_identity_id = geo.id
        return dbforpostgresql.Server(
            place.named("database"),
            server_name=place.unique("database"),
            resource_group_name=place.group,
            location=place.location,
            version=spec.version,
            sku=dbforpostgresql.SkuArgs(
                name=spec.sku, tier=_SKU_TIERS[spec.sku[: len("Standard_X")]]
            ),
            storage=dbforpostgresql.StorageArgs(
                storage_size_gb=spec.storage_size, auto_grow="Enabled"
            ),
            auth_config=dbforpostgresql.AuthConfigArgs(
                active_directory_auth="Enabled",
                password_auth="Disabled",  # noqa: S106 - a switch, not a password
                tenant_id=place.tenant,
            ),
            network=dbforpostgresql.NetworkArgs(public_network_access="Disabled"),
            data_encryption=encryption,
            identity=dbforpostgresql.UserAssignedIdentityArgs(
                type="UserAssigned",
                user_assigned_identities=pulumi.Output.all(*(one.id for one in users)).apply(
                    _by_id
                ),
            ),
            backup=dbforpostgresql.BackupArgs(
                backup_retention_days=spec.backup_retention,
                geo_redundant_backup="Enabled" if spec.geo_backup else "Disabled",
            ),
            high_availability=dbforpostgresql.HighAvailabilityArgs(
                mode="ZoneRedundant" if spec.high_availability else "Disabled"
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions.merge(
                kept(self), pulumi.ResourceOptions(depends_on=before)
            ),
        )


def _by_id(ids: list[str]) -> dict[str, dbforpostgresql.UserIdentityArgs]:
    return {one: dbforpostgresql.UserIdentityArgs() for one in ids}
