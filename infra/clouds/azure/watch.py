"""What is watched: every service's log, the network's flows, the subscription, and by Defender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.clouds.azure.access import Role, grant, identity
from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import monitor, network, security

#: All of the activity log (https://learn.microsoft.com/azure/azure-monitor/platform/activity-log).
ACTIVITIES = (
    "Administrative",
    "Alert",
    "Autoscale",
    "Policy",
    "Recommendation",
    "ResourceHealth",
    "Security",
    "ServiceHealth",
)
#: Defender's plans for what a lab is made of, each with the part of it that is bought.
DEFENDER: Mapping[str, str | None] = {
    "Arm": "PerSubscription",
    "Containers": None,
    "KeyVaults": "PerKeyVault",
    "OpenSourceRelationalDatabases": None,
    "StorageAccounts": "DefenderForStorageV2",
    "VirtualMachines": "P2",
}
#: Minutes between two readings of the flow logs.
_FLOW_INTERVAL = 10


@dataclass(frozen=True, slots=True)
class WatchArgs:
    """`services` are ids of what reports, by a name for each; `network` is the virtual network's
    id, `flow_store` that of the storage account that gets the flow logs.
    """

    place: Place
    workspace: pulumi.Input[str]
    services: Mapping[str, pulumi.Input[str]]
    network: pulumi.Input[str]
    flow_store: pulumi.Input[str]
    flow_retention: int
    network_watcher_group: str


class Watch(pulumi.ComponentResource):
    """Everything that reports, and to where."""

    def __init__(self, args: WatchArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Watch", args.place.name, {}, opts)
        self._args, self._place = args, args.place
        for name, service in args.services.items():
            report(args.place, args.workspace, name, service, parent=self)
        self._flows()
        self._subscription()
        self.register_outputs({})

    def _flows(self) -> None:
        """Who talked to whom, and what was denied."""
        args, place = self._args, self._place
        user = identity(place, "flow-writer", parent=self)
        allowed = grant(
            place,
            "flow-writer",
            Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
            to=user,
            on=args.flow_store,
            parent=self,
        )
        network.FlowLog(
            place.named("flows"),
            flow_log_name=place.named("flows"),
            network_watcher_name=f"NetworkWatcher_{place.location}",
            resource_group_name=args.network_watcher_group,
            location=place.location,
            target_resource_id=args.network,
            storage_id=args.flow_store,
            enabled=True,
            identity=network.ManagedServiceIdentityArgs(
                type=network.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[user.id],
            ),
            format=network.FlowLogFormatParametersArgs(type="JSON", version=2),
            retention_policy=network.RetentionPolicyParametersArgs(
                enabled=True, days=args.flow_retention
            ),
            flow_analytics_configuration=network.TrafficAnalyticsPropertiesArgs(
                network_watcher_flow_analytics_configuration=(
                    network.TrafficAnalyticsConfigurationPropertiesArgs(
                        enabled=True,
                        workspace_resource_id=args.workspace,
                        workspace_region=place.location,
                        traffic_analytics_interval=_FLOW_INTERVAL,
                    )
                )
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _subscription(self) -> None:
        monitor.SubscriptionDiagnosticSetting(
            self._place.named("activity"),
            name=self._place.named("activity"),
            workspace_id=self._args.workspace,
            logs=[
                monitor.SubscriptionLogSettingsArgs(category=category, enabled=True)
                for category in ACTIVITIES
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        for plan, part in DEFENDER.items():
            security.Pricing(
                self._place.named(f"defender-{plan.lower()}"),
                pricing_name=plan,
                scope_id=self._place.subscription_id.removeprefix("/"),
                pricing_tier="Standard",
                sub_plan=part,
                # A plan cannot be deleted, only bought or not.
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )


def report(
    place: Place,
    workspace: pulumi.Input[str],
    name: str,
    service: pulumi.Input[str],
    *,
    parent: pulumi.Resource,
) -> None:
    """Lets one service (its id) send all of its log to the workspace."""
    monitor.DiagnosticSetting(
        place.named(name),
        name="ai-lab",
        resource_uri=service,
        workspace_id=workspace,
        log_analytics_destination_type="Dedicated",
        logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
        opts=pulumi.ResourceOptions(parent=parent),
    )
