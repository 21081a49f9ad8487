"""The Azure ground: from a configuration to a network, keys, stores, a registry and a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import pulumi

from infra.clouds.azure.aliases import without_those_of_the_sdk
from infra.clouds.azure.cluster import ClusterArgs, ManagedCluster
from infra.clouds.azure.database import Database, DatabaseArgs
from infra.clouds.azure.endpoints import Endpoints, EndpointsArgs
from infra.clouds.azure.governance import Governance, GovernanceArgs
from infra.clouds.azure.keys import ENCRYPT, KeyVault, KeyVaultArgs, Purpose
from infra.clouds.azure.logs import Logs, LogsArgs
from infra.clouds.azure.network import Network, NetworkArgs
from infra.clouds.azure.place import Place, kept, tags
from infra.clouds.azure.registry import ImageRegistry, RegistryArgs
from infra.clouds.azure.sdk import Provider, resources
from infra.clouds.azure.storage import Store, StoreArgs
from infra.clouds.azure.watch import Watch, WatchArgs
from infra.config.grounds.azure import PAIRED, AzureSite
from infra.contracts import Cluster, Registry

#: Keys that the services of Azure use, by what they encrypt.
_PURPOSES = ("artifacts", "database", "disks", "evidence", "flows", "logs")


@dataclass(frozen=True, slots=True)
class AzureArgs:
    """`name` is the lab's, or that of its part on Azure. `neighbours` are the networks of the other
    grounds of a hybrid lab; `gateway` says that a tunnel to them ends here.
    """

    name: str
    site: AzureSite
    neighbours: tuple[IPv4Network, ...] = ()
    gateway: bool = False


class AzureGround(pulumi.ComponentResource):
    """Everything that one lab has on Azure but its Vault, which may be elsewhere (`AzureVault`)."""

    place: Place
    network: Network
    endpoints: Endpoints
    cluster: Cluster
    registry: Registry
    database: Database
    stores: Mapping[str, Store]
    #: Id of what encrypts disks of virtual machines with the lab's key.
    disk_encryption: pulumi.Output[str]
    #: Id of the Log Analytics workspace.
    workspace: pulumi.Output[str]

    def __init__(self, args: AzureArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        site = args.site
        provider = Provider(
            args.name,
            subscription_id=str(site.subscription_id),
            tenant_id=str(site.tenant_id),
            location=site.location,
            disable_pulumi_partner_id=True,
            opts=opts,
        )
        super().__init__(
            "ailab:azure:Ground",
            args.name,
            {},
            pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    providers=[provider], transformations=[without_those_of_the_sdk]
                ),
            ),
        )
        self._args = args
        self._own = pulumi.ResourceOptions(parent=self)
        self.place = self._place()
        self.network = Network(
            NetworkArgs(
                self.place,
                site.network,
                site.administration,
                args.neighbours,
                site.network.gateway_address if args.gateway else None,
                site.hub,
            ),
            opts=self._own,
        )
        networks: dict[str, pulumi.Input[str]] = {"own": self.network.id}
        if site.hub is not None:
            networks["hub"] = site.hub
        self.endpoints = Endpoints(
            EndpointsArgs(self.place, networks, self.network.endpoints), opts=self._own
        )
        keys = self._vault_of_keys("keys", [Purpose(name) for name in _PURPOSES])
        etcd = self._vault_of_keys("etcd", [Purpose("etcd", ENCRYPT, rotates=False)])
        images = self._vault_of_keys("images", [Purpose("images")])
        logs = Logs(
            LogsArgs(self.place, site.logs, keys.keys["logs"], self.endpoints), opts=self._own
        )
        self.workspace = logs.workspace
        self.stores = self._stores(keys)
        address = site.image_registry(args.name)
        self.registry = Registry(address)
        registry = ImageRegistry(
            RegistryArgs(self.place, address, images.keys["images"], self.endpoints),
            opts=self._own,
        )
        self.database = self._database(keys)
        managed = ManagedCluster(
            ClusterArgs(
                place=self.place,
                spec=site.cluster,
                ranges=site.network,
                network=self.network,
                networks=networks,
                registry=registry,
                disk_key=keys.keys["disks"],
                etcd_vault=etcd,
                workspace=logs.workspace,
            ),
            opts=self._own,
        )
        self.cluster, self.disk_encryption = managed.cluster, managed.disk_encryption
        reporting: dict[str, pulumi.Input[str]] = {
            "keys": keys.id,
            "etcd": etcd.id,
            "images": images.id,
            "logs": logs.workspace,
            "registry": registry.id,
            "database": self.database.id,
            "cluster": managed.id,
            "network": self.network.id,
            **{name: store.blobs for name, store in self.stores.items()},
            **{f"{name}-rules": group.id for name, group in self.network.security_groups.items()},
        }
        Watch(
            WatchArgs(
                place=self.place,
                workspace=logs.workspace,
                services=reporting,
                network=self.network.id,
                flow_store=self.stores["flows"].id,
                flow_retention=site.storage.flow_log_retention,
                network_watcher_group=site.network_watcher_group,
            ),
            opts=self._own,
        )
        Governance(
            GovernanceArgs(
                place=self.place,
                locations=[site.location, *([self._paired] if site.database.geo_backup else [])],
                monthly_budget=site.monthly_budget,
                budget_from=site.budget_from,
                owner=site.owner,
                gateway=args.gateway,
            ),
            opts=self._own,
        )
        self.register_outputs({})

    @property
    def _paired(self) -> str:
        return PAIRED[self._args.site.location]

    def _place(self) -> Place:
        site = self._args.site
        place = Place(
            name=self._args.name,
            location=site.location,
            subscription=str(site.subscription_id),
            tenant=str(site.tenant_id),
            group=self._args.name,
            tags=tags(self._args.name, site),
        )
        made = resources.ResourceGroup(
            place.name,
            resource_group_name=place.name,
            location=place.location,
            tags=place.tags,
            opts=kept(self),
        )
        return replace(place, group=made.name)

    def _vault_of_keys(self, kind: str, purposes: list[Purpose]) -> KeyVault:
        return KeyVault(KeyVaultArgs(self.place, kind, purposes, self.endpoints), opts=self._own)

    def _stores(self, keys: KeyVault) -> dict[str, Store]:
        spec = self._args.site.storage

        def args(kind: str) -> StoreArgs:
            return StoreArgs(self.place, kind, keys.keys[kind], self.endpoints, spec.soft_delete)

        wanted = (
            args("artifacts"),
            replace(
                args("evidence"),
                immutable_days=spec.evidence_retention,
                locked=spec.evidence_locked,
            ),
            replace(args("flows"), expires_after=spec.flow_log_retention),
        )
        return {one.kind: Store(one, opts=self._own) for one in wanted}

    def _database(self, keys: KeyVault) -> Database:
        site = self._args.site
        args = DatabaseArgs(self.place, site.database, keys.keys["database"], self.endpoints)
        if site.database.geo_backup:
            there = self.place.elsewhere(self._paired)
            geo = KeyVault(KeyVaultArgs(there, "geo", [Purpose("database-geo")]), opts=self._own)
            args = replace(args, geo_place=there, geo_key=geo.keys["database-geo"])
        return Database(args, opts=self._own)
