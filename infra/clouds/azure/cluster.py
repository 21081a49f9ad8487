"""AKS: a private control plane inside the lab's network, and nodes with no way out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.clouds.azure import kubeconfig, nodes
from infra.clouds.azure.access import Role, grant, identity
from infra.clouds.azure.endpoints import zone
from infra.clouds.azure.keys import CustomerKey, KeyVault
from infra.clouds.azure.network import Network
from infra.clouds.azure.place import Place
from infra.clouds.azure.registry import ImageRegistry
from infra.clouds.azure.sdk import compute, containerservice, managedidentity
from infra.config.grounds.azure import AzureCluster, AzureNetwork, AzurePool
from infra.contracts import Cluster
from infra.provider import sdk

#: Hours between two sweeps of images that no pod uses and that have known holes.
_IMAGE_CLEANER_HOURS = 48
_MAINTENANCE_HOURS = 6


@dataclass(frozen=True, slots=True)
class ClusterArgs:
    """`etcd_vault` has the key named `etcd`, and that key alone: AKS connects itself to it."""

    place: Place
    spec: AzureCluster
    ranges: AzureNetwork
    network: Network
    #: Ids of the networks that know the API server's name, by a word for each.
    networks: Mapping[str, pulumi.Input[str]]
    registry: ImageRegistry
    disk_key: CustomerKey
    etcd_vault: KeyVault
    #: Id of the Log Analytics workspace that Defender reports to.
    workspace: pulumi.Input[str]


class ManagedCluster(pulumi.ComponentResource):
    """The cluster, with its identities, the key of its disks, and its nodes."""

    id: pulumi.Output[str]
    cluster: Cluster
    #: Encrypts disks of virtual machines with the lab's key.
    disk_encryption: pulumi.Output[str]

    def __init__(self, args: ClusterArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:ManagedCluster", args.place.name, {}, opts)
        self._args, self._place = args, args.place
        disks = self._disks()
        self.disk_encryption = disks.id
        made = self._cluster(disks)
        self.id = made.id
        pools = [self._pool(made, pool) for pool in args.spec.pools if pool != self._first]
        self._maintenance(made)
        self.cluster = self._contract(made, pools)
        self.register_outputs({})

    @property
    def _first(self) -> AzurePool:
        """The pool that the cluster starts with."""
        return next(pool for pool in self._args.spec.pools if pool.kind == "system")

    def _disks(self) -> compute.DiskEncryptionSet:
        place, key = self._place, self._args.disk_key
        user = identity(place, "disks", parent=self)
        allowed = key.lets(place, user, parent=self)
        return compute.DiskEncryptionSet(
            place.named("disks"),
            disk_encryption_set_name=place.named("disks"),
            resource_group_name=place.group,
            location=place.location,
            encryption_type="EncryptionAtRestWithPlatformAndCustomerKeys",
            identity=compute.EncryptionSetIdentityArgs(
                type="UserAssigned", user_assigned_identities=[user.id]
            ),
            active_key=compute.KeyForDiskEncryptionSetArgs(
                key_url=key.versioned_uri, source_vault=compute.SourceVaultArgs(id=key.vault_id)
            ),
            rotation_to_latest_key_version_enabled=True,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed], protect=True),
        )

    def _cluster(self, disks: compute.DiskEncryptionSet) -> containerservice.ManagedCluster:
        args, place, spec = self._args, self._place, self._args.spec
        own = identity(place, "cluster", parent=self)
        kubelet = identity(place, "kubelet", parent=self)
        names = zone(place, f"privatelink.{place.location}.azmk8s.io", args.networks, parent=self)
        etcd = args.etcd_vault.keys["etcd"]
        ready = self._rights(own, kubelet, disks.id, names.id)
        first = self._first
        return containerservice.ManagedCluster(
            place.named("cluster"),
            resource_name_=place.named("cluster"),
            resource_group_name=place.group,
            location=place.location,
            dns_prefix=place.name,
            kubernetes_version=spec.kubernetes_version,
            sku=containerservice.ManagedClusterSKUArgs(name="Base", tier="Standard"),
            identity=containerservice.ManagedClusterIdentityArgs(
                type=containerservice.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[own.id],
            ),
            identity_profile={
                "kubeletidentity": containerservice.UserAssignedIdentityArgs(
                    resource_id=kubelet.id,
                    client_id=kubelet.client_id,
                    object_id=kubelet.principal_id,
                )
            },
            enable_rbac=True,
            disable_local_accounts=True,
            aad_profile=containerservice.ManagedClusterAADProfileArgs(
                managed=True,
                enable_azure_rbac=True,
                admin_group_object_ids=[str(group) for group in spec.admin_groups],
                tenant_id=place.tenant,
            ),
            public_network_access="Disabled",
            api_server_access_profile=containerservice.ManagedClusterAPIServerAccessProfileArgs(
                enable_private_cluster=True,
                enable_private_cluster_public_fqdn=False,
                # A private vault of etcd's key is reached this way only.
                enable_vnet_integration=True,
                subnet_id=args.network.api_server,
                private_dns_zone=names.id,
                disable_run_command=True,
            ),
            network_profile=self._network(),
            bootstrap_profile=containerservice.ManagedClusterBootstrapProfileArgs(
                artifact_source="Cache", container_registry_id=args.registry.id
            ),
            agent_pool_profiles=[
                containerservice.ManagedClusterAgentPoolProfileArgs(
                    name=first.name,
                    **nodes.settings(
                        first,
                        subnet=args.network.nodes,
                        version=spec.kubernetes_version,
                        tags=place.tags,
                    ),
                )
            ],
            disk_encryption_set_id=disks.id,
            security_profile=self._security(etcd),
            oidc_issuer_profile=containerservice.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            storage_profile=containerservice.ManagedClusterStorageProfileArgs(
                disk_csi_driver=containerservice.ManagedClusterStorageProfileDiskCSIDriverArgs(
                    enabled=True
                ),
                file_csi_driver=containerservice.ManagedClusterStorageProfileFileCSIDriverArgs(
                    enabled=False
                ),
                blob_csi_driver=containerservice.ManagedClusterStorageProfileBlobCSIDriverArgs(
                    enabled=False
                ),
            ),
            auto_upgrade_profile=containerservice.ManagedClusterAutoUpgradeProfileArgs(
                # Kubernetes changes by `up`, under review; images of nodes change by themselves.
                upgrade_channel="none",
                node_os_upgrade_channel="NodeImage",
            ),
            node_resource_group=place.named("nodes"),
            node_resource_group_profile=(
                containerservice.ManagedClusterNodeResourceGroupProfileArgs(
                    restriction_level="ReadOnly"
                )
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=ready, protect=True),
        )

    def _rights(
        self,
        own: managedidentity.UserAssignedIdentity,
        kubelet: managedidentity.UserAssignedIdentity,
        disks: pulumi.Input[str],
        names: pulumi.Input[str],
    ) -> list[pulumi.Resource]:
        """What the cluster and its nodes may do on Azure; returns all that must be there first."""
        args, place = self._args, self._place
        etcd = args.etcd_vault

        def allow(name: str, role: Role, on: pulumi.Input[str]) -> pulumi.Resource:
            return grant(place, f"cluster-{name}", role, to=own, on=on, parent=self)

        return [
            allow("network", Role.NETWORK_CONTRIBUTOR, args.network.id),
            allow("names", Role.PRIVATE_DNS_ZONE_CONTRIBUTOR, names),
            allow("disks", Role.READER, disks),
            allow("kubelet", Role.MANAGED_IDENTITY_OPERATOR, kubelet.id),
            # It connects the API server to the vault by a private endpoint of its own.
            allow("etcd-vault", Role.KEY_VAULT_CONTRIBUTOR, etcd.id),
            etcd.keys["etcd"].lets(place, own, parent=self, role=Role.KEY_VAULT_CRYPTO_USER),
            grant(
                place,
                "kubelet-images",
                Role.ACR_PULL,
                to=kubelet,
                on=args.registry.id,
                parent=self,
            ),
            *args.registry.ready,
        ]

    def _network(self) -> containerservice.ContainerServiceNetworkProfileArgs:
        ranges = self._args.ranges
        return containerservice.ContainerServiceNetworkProfileArgs(
            network_plugin="azure",
            network_plugin_mode="overlay",
            network_dataplane="cilium",
            network_policy="cilium",
            # No load balancer, no address, no gateway: nothing to get out by.
            outbound_type="none",
            load_balancer_sku="standard",
            pod_cidr=str(ranges.pods),
            service_cidr=str(ranges.services),
            dns_service_ip=str(ranges.cluster_dns),
            ip_families=["IPv4"],
        )

    def _security(self, etcd: CustomerKey) -> containerservice.ManagedClusterSecurityProfileArgs:
        return containerservice.ManagedClusterSecurityProfileArgs(
            azure_key_vault_kms=containerservice.AzureKeyVaultKmsArgs(
                enabled=True,
                key_id=etcd.versioned_uri,
                key_vault_network_access="Private",
                key_vault_resource_id=etcd.vault_id,
            ),
            defender=containerservice.ManagedClusterSecurityProfileDefenderArgs(
                log_analytics_workspace_resource_id=self._args.workspace,
                security_monitoring=(
                    containerservice.ManagedClusterSecurityProfileDefenderSecurityMonitoringArgs(
                        enabled=True
                    )
                ),
            ),
            image_cleaner=containerservice.ManagedClusterSecurityProfileImageCleanerArgs(
                enabled=True, interval_hours=_IMAGE_CLEANER_HOURS
            ),
            workload_identity=containerservice.ManagedClusterSecurityProfileWorkloadIdentityArgs(
                enabled=True
            ),
        )

    def _pool(
        self, cluster: containerservice.ManagedCluster, pool: AzurePool
    ) -> containerservice.AgentPool:
        return containerservice.AgentPool(
            self._place.named(pool.name),
            agent_pool_name=pool.name,
            resource_name_=cluster.name,
            resource_group_name=self._place.group,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster),
            **nodes.settings(
                pool,
                subnet=self._args.network.nodes,
                version=self._args.spec.kubernetes_version,
                tags=self._place.tags,
            ),
        )

    def _maintenance(self, cluster: containerservice.ManagedCluster) -> None:
        containerservice.MaintenanceConfiguration(
            self._place.named("node-images"),
            config_name="aksManagedNodeOSUpgradeSchedule",
            resource_name_=cluster.name,
            resource_group_name=self._place.group,
            maintenance_window=containerservice.MaintenanceWindowArgs(
                duration_hours=_MAINTENANCE_HOURS,
                start_time="02:00",
                utc_offset="+00:00",
                schedule=containerservice.ScheduleArgs(
                    weekly=containerservice.WeeklyScheduleArgs(
                        day_of_week=self._args.spec.maintenance_day, interval_weeks=1
                    )
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster),
        )

    def _contract(
        self, made: containerservice.ManagedCluster, pools: list[containerservice.AgentPool]
    ) -> Cluster:
        config = kubeconfig.ask(self._place, made, parent=self)
        issuer = sdk.IssuerKeys(
            self._place.name,
            kubeconfig=config,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=made),
        )
        return Cluster(
            name=self._place.name,
            # Unknown until there are nodes, so that nothing uses the cluster before.
            kubeconfig=pulumi.Output.all(config, *(pool.id for pool in pools)).apply(
                lambda known: str(known[0])
            ),
            endpoint=pulumi.Output.concat("https://", made.private_fqdn, ":443"),
            service_account_keys=issuer.keys,
            service_account_issuer=issuer.issuer,
            instance=made.resource_uid,
            resource=made,
        )
