"""A lab's ground on AWS: everything below the contracts, and no way in or out but the VPN."""

from __future__ import annotations

import pulumi

from infra import contracts
from infra.clouds.aws.audit import Audit
from infra.clouds.aws.cluster import ClusterPart, kubeconfig
from infra.clouds.aws.database import Database
from infra.clouds.aws.dns import Dns
from infra.clouds.aws.endpoints import Endpoints
from infra.clouds.aws.guard import Budget, Guard
from infra.clouds.aws.keys import Keys
from infra.clouds.aws.network import Network
from infra.clouds.aws.nodes import Nodes
from infra.clouds.aws.place import Place
from infra.clouds.aws.registry import Registry
from infra.clouds.aws.sdk import Provider
from infra.clouds.aws.stores import Bucket, BucketArgs
from infra.clouds.aws.vault import VaultArgs, VaultGround
from infra.config import AwsSite, VaultSpec
from infra.hosts.plan import Delivery
from infra.provider import sdk
from infra.toolchain.images import AI_LAB


class AwsGround(pulumi.ComponentResource):
    """Network, keys, cluster, nodes, stores, database, registry, and what watches over them.

    `vault()` puts a Vault on it; a further ground of a hybrid lab uses the primary's.
    """

    cluster: contracts.Cluster
    registry: contracts.Registry
    keys: Keys
    network: Network
    #: Security groups of nodes and of the API server, for whom a tunnel lets in.
    node_group: pulumi.Output[str]
    api_group: pulumi.Output[str]

    def __init__(
        self, lab: str, site: AwsSite, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ailab:aws:Ground", lab, {}, opts)
        self._site, self._mine = site, pulumi.ResourceOptions(parent=self)
        self.place = place = _place(lab, site, self)
        days, ranges = site.retention.logs, site.network
        self.keys = keys = Keys(place, opts=self._mine)
        self.network = Network(place, ranges, logs_key=keys["logs"], log_days=days, opts=self._mine)
        self._dns = Dns(
            place,
            self.network,
            engineers=ranges.engineers,
            logs_key=keys["logs"],
            log_days=days,
            opts=self._mine,
        )
        stores = [
            Bucket(place, args, self._mine)
            for args in (
                BucketArgs("artifacts", keys["artifacts"]),
                BucketArgs("evidence", keys["evidence"], lock_days=site.retention.evidence),
            )
        ]
        audit = Audit(
            place,
            keys,
            watched=stores,
            log_days=days,
            trail_days=site.retention.trail,
            opts=self._mine,
        )
        self._endpoints = Endpoints(
            place,
            self.network,
            clients=[ranges.vpc, ranges.engineers],
            buckets=[store.name for store in stores],
            image_accounts=site.image_accounts,
            opts=self._mine,
        )
        guard = Guard(place, volumes_key=keys["volumes"], opts=self._mine)
        Budget(place, monthly=site.monthly_budget, opts=self._mine)
        self.registry = Registry(
            place,
            # What runs in the cluster and is the lab's own comes from a repository of its own.
            repositories=tuple(dict.fromkeys((*site.repositories, AI_LAB))),
            key=keys["registry"],
            opts=self._mine,
        ).contract
        Database(
            place,
            self.network,
            keys,
            site.database,
            clients=ranges.subnets("nodes"),
            log_days=days,
            opts=self._mine,
        )
        # Nothing computes before it is watched and before its ways to AWS are there.
        self.cluster = self._cluster([audit, self._endpoints, guard])
        self.register_outputs({})

    def vault(self, spec: VaultSpec, *, delivery: Delivery) -> VaultGround:
        """Declares Vault on three machines of this ground."""
        args = VaultArgs(
            network=self.network,
            keys=self.keys,
            dns=self._dns,
            endpoints=self._endpoints,
            ranges=self._site.network,
            machines=self._site.vault_machines,
            spec=spec,
            delivery=delivery,
        )
        return VaultGround(self.place, args, self._mine)

    def _cluster(self, before: list[pulumi.Resource]) -> contracts.Cluster:
        site, place = self._site, self.place
        waiting = pulumi.ResourceOptions.merge(
            self._mine, pulumi.ResourceOptions(depends_on=before)
        )
        part = ClusterPart(
            place,
            self.network,
            self.keys,
            site.eks,
            site.network,
            log_days=site.retention.logs,
            opts=waiting,
        )
        self.node_group, self.api_group = part.node_group, part.api_group
        nodes = Nodes(
            place,
            self.network,
            part,
            site.eks.node_pools,
            release=site.eks.node_release,
            volumes_key=self.keys["volumes"],
            opts=waiting,
        )
        ready = [*part.administrators, *part.last_addons(nodes.groups)]
        document = kubeconfig(place, part.eks)
        issuer = sdk.IssuerKeys(
            place.lab,
            kubeconfig=document,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=part.administrators, deleted_with=part.eks
            ),
        )
        return contracts.Cluster(
            name=place.lab,
            # Unknown until administrators may enter and DNS works, so that nothing goes in before.
            kubeconfig=pulumi.Output.all(document, *(one.urn for one in ready)).apply(
                lambda values: str(values[0])
            ),
            endpoint=part.eks.endpoint,
            service_account_keys=issuer.keys,
            service_account_issuer=issuer.issuer,
            instance=part.eks.created_at,
            resource=part.eks,
        )


def _place(lab: str, site: AwsSite, parent: pulumi.Resource) -> Place:
    """With a provider that refuses to work in any other account or region."""
    provider = Provider(
        lab,
        region=site.region,
        allowed_account_ids=[site.account],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return Place(
        lab=lab,
        account=site.account,
        region=site.region,
        zones=site.zones,
        owner=site.owner,
        cost_center=site.cost_center,
        ceiling="restricted" if site.restricted_because else "confidential",
        provider=provider,
    )
