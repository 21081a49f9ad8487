"""Managed node groups: small launch templates, no SSH, nothing for pods at the metadata service."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra import naming
from infra.clouds.aws import policies
from infra.clouds.aws.cluster import ClusterPart
from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, eks, iam
from infra.config.grounds.aws import NodePool

#: AWS's own policies for what every node does: join, pull images, be reached in an emergency.
_POLICIES = (
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
_LABEL_PURPOSE = f"{naming.LABEL_PREFIX}/node-purpose"
_LABEL_GPU = f"{naming.LABEL_PREFIX}/gpu"
_IMAGES = {
    "system": "AL2023_x86_64_STANDARD",
    "cpu": "AL2023_x86_64_STANDARD",
    "gpu": "AL2023_x86_64_NVIDIA",
}


class Nodes(Part):
    """One group a pool, spread over the zones."""

    groups: list[pulumi.Resource]

    def __init__(
        self,
        place: Place,
        network: Network,
        cluster: ClusterPart,
        pools: Sequence[NodePool],
        *,
        release: str,
        volumes_key: CustomerKey,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Nodes", place, opts)
        self._cluster, self._network = cluster, network
        role, rights = self._role()
        self.groups = [
            self._group(pool, role, rights, self._template(pool, volumes_key), release)
            for pool in pools
        ]
        self.register_outputs({})

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        name = self.place.name("nodes")
        role = iam.Role(
            self.place.name("nodes"),
            name=name,
            description="Nodes of the cluster",
            assume_role_policy=policies.trust("ec2.amazonaws.com"),
            tags=self.place.tags(name),
            opts=self.made(),
        )
        rights: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(
                self.place.name(policy),
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=self.made(),
            )
            for policy in _POLICIES
        ]
        return role, rights

    def _template(self, pool: NodePool, key: CustomerKey) -> ec2.LaunchTemplate:
        name = self.place.name(pool.name)
        tags = self.place.tags(name)
        return ec2.LaunchTemplate(
            self.place.name(pool.name),
            name=name,
            description=f"Nodes of pool {pool.name}",
            update_default_version=True,
            instance_type=pool.instance_type,
            # One hop is the node itself: a pod is two away, and has an identity of its own.
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": pool.disk,
                        "encrypted": "true",
                        "kms_key_id": key.arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            monitoring={"enabled": True},
            tag_specifications=[
                {"resource_type": kind, "tags": tags}
                for kind in ("instance", "volume", "network-interface")
            ],
            tags=tags,
            opts=self.made(),
        )

    def _group(
        self,
        pool: NodePool,
        role: iam.Role,
        rights: Sequence[pulumi.Resource],
        template: ec2.LaunchTemplate,
        release: str,
    ) -> eks.NodeGroup:
        name = self.place.name(pool.name)
        labels: dict[str, str] = {_LABEL_PURPOSE: pool.purpose}
        if pool.gpu is not None:
            labels[_LABEL_GPU] = pool.gpu
        return eks.NodeGroup(
            self.place.name(pool.name),
            cluster_name=self._cluster.eks.name,
            node_group_name=name,
            node_role_arn=role.arn,
            subnet_ids=[subnet.id for subnet in self._network.subnets("nodes")],
            ami_type=_IMAGES[pool.purpose],
            release_version=release,
            capacity_type="ON_DEMAND",
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(str),
            },
            scaling_config={
                "min_size": pool.least,
                "desired_size": pool.least,
                "max_size": pool.most,
            },
            update_config={"max_unavailable_percentage": 25},
            node_repair_config={"enabled": True},
            labels=labels,
            taints=_taints(pool),
            tags=self.place.tags(name),
            # An autoscaler moves the size between its bounds; that is no drift.
            opts=pulumi.ResourceOptions.merge(
                self.made(*rights, *self._cluster.first_addons),
                pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"]),
            ),
        )


def _taints(pool: NodePool) -> list[eks.NodeGroupTaintArgs]:
    """GPUs are for those who ask for them; the system's nodes for what keeps the cluster up."""
    match pool.purpose:
        case "gpu":
            key, value = "nvidia.com/gpu", "present"
        case "system":
            key, value = "CriticalAddonsOnly", "true"
        case "cpu":
            return []
    return [eks.NodeGroupTaintArgs(key=key, value=value, effect="NO_SCHEDULE")]
