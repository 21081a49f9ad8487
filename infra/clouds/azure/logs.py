"""Log Analytics: where everything of the lab reports to, with no public way in or out."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.access import identity
from infra.clouds.azure.endpoints import MONITOR, Endpoints
from infra.clouds.azure.keys import CustomerKey
from infra.clouds.azure.place import Place, kept
from infra.clouds.azure.sdk import monitor, operationalinsights
from infra.config.grounds.azure import AzureLogs

#: GB a day: the least that a dedicated cluster is sold for.
_COMMITMENT = 100


@dataclass(frozen=True, slots=True)
class LogsArgs:
    place: Place
    spec: AzureLogs
    key: CustomerKey
    endpoints: Endpoints


class Logs(pulumi.ComponentResource):
    """The workspace. Only a dedicated cluster takes a customer key."""

    #: Azure's id.
    workspace: pulumi.Output[str]

    def __init__(self, args: LogsArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        place, spec = args.place, args.spec
        super().__init__("ailab:azure:Logs", place.name, {}, opts)
        cluster = None if spec.platform_key_because else self._cluster(place, args.key)
        reason = {"platform-key-because": spec.platform_key_because}
        made = operationalinsights.Workspace(
            place.named("logs"),
            workspace_name=place.named("logs"),
            resource_group_name=place.group,
            location=place.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=spec.retention,
            force_cmk_for_query=cluster is not None,
            public_network_access_for_ingestion="Disabled",
            public_network_access_for_query="Disabled",
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            tags={**place.tags, **{key: text for key, text in reason.items() if text}},
            opts=pulumi.ResourceOptions.merge(
                # What a cluster carries is paid for with it; Azure calls that another SKU.
                kept(self),
                pulumi.ResourceOptions(ignore_changes=["sku"] if cluster else None),
            ),
        )
        self.workspace = made.id
        if cluster is not None:
            operationalinsights.LinkedService(
                place.named("logs"),
                linked_service_name="Cluster",
                workspace_name=made.name,
                resource_group_name=place.group,
                write_access_resource_id=cluster.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self._private_link(place, args.endpoints)
        self.register_outputs({})

    def _cluster(self, place: Place, key: CustomerKey) -> operationalinsights.Cluster:
        user = identity(place, "logs", parent=self)
        allowed = key.lets(place, user, parent=self)
        return operationalinsights.Cluster(
            place.named("logs"),
            cluster_name=place.named("logs"),
            resource_group_name=place.group,
            location=place.location,
            sku=operationalinsights.ClusterSkuArgs(
                name="CapacityReservation", capacity=_COMMITMENT
            ),
            identity=operationalinsights.ManagedServiceIdentityArgs(
                type="UserAssigned", user_assigned_identities=[user.id]
            ),
            key_vault_properties=operationalinsights.KeyVaultPropertiesArgs(
                key_vault_uri=key.vault_uri,
                key_name=key.name,
                key_rsa_size=3072,
                # No version: the newest one.
                key_version="",
            ),
            is_availability_zones_enabled=True,
            is_double_encryption_enabled=True,
            tags=place.tags,
            opts=pulumi.ResourceOptions.merge(
                kept(self), pulumi.ResourceOptions(depends_on=[allowed])
            ),
        )

    def _private_link(self, place: Place, endpoints: Endpoints) -> None:
        """Agents send and people ask through the lab's network alone."""
        scope = monitor.PrivateLinkScope(
            place.named("monitor"),
            scope_name=place.named("monitor"),
            resource_group_name=place.group,
            location="global",
            access_mode_settings=monitor.AccessModeSettingsArgs(
                ingestion_access_mode="PrivateOnly", query_access_mode="PrivateOnly"
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        linked = monitor.PrivateLinkScopedResource(
            place.named("logs"),
            name="logs",
            scope_name=scope.name,
            resource_group_name=place.group,
            kind="Resource",
            linked_resource_id=self.workspace,
            opts=pulumi.ResourceOptions(parent=self),
        )
        endpoints.to(
            "monitor", MONITOR, pulumi.Output.all(scope.id, linked.id).apply(_first), parent=self
        )


def _first(ids: list[str]) -> str:
    """The scope's id, once something is linked to it: an empty scope would close nothing."""
    return ids[0]
