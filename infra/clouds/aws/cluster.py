"""EKS: an API server that only the lab's network reaches, and only named roles may use.

https://docs.aws.amazon.com/eks/latest/best-practices/security.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.endpoints import HTTPS
from infra.clouds.aws.keys import Keys
from infra.clouds.aws.logs import log_group
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, eks, iam, vpc
from infra.config.grounds.aws import AwsNetwork, Eks

#: All that EKS can record of its control plane.
CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_ADMINISTRATOR = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


class ClusterPart(Part):
    """The control plane, who may enter, and the add-ons that nodes need from their first minute."""

    def __init__(
        self,
        place: Place,
        network: Network,
        keys: Keys,
        config: Eks,
        ranges: AwsNetwork,
        *,
        log_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Cluster", place, opts)
        self._config, self._volumes_key = config, keys["volumes"]
        logs = log_group(
            self,
            "control-plane",
            f"/aws/eks/{place.name()}/cluster",
            key=keys["logs"],
            days=log_days,
        )
        role, rights = self._role()
        api_server = self._group(network, ranges)
        self.eks = eks.Cluster(
            place.name("cluster"),
            name=place.name(),
            version=config.version,
            role_arn=role.arn,
            vpc_config={
                "subnet_ids": [subnet.id for subnet in network.subnets("nodes")],
                "security_group_ids": [api_server.id],
                "endpoint_private_access": True,
                "endpoint_public_access": False,
            },
            kubernetes_network_config={
                "ip_family": "ipv4",
                "service_ipv4_cidr": str(ranges.services),
            },
            encryption_config={
                "provider": {"key_arn": keys["cluster"].arn},
                "resources": ["secrets"],
            },
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            access_config={
                "authentication_mode": "API",
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            upgrade_policy={"support_type": "STANDARD"},
            bootstrap_self_managed_addons=False,
            deletion_protection=True,
            tags=place.tags(place.name()),
            opts=pulumi.ResourceOptions.merge(
                self.made(logs, rights), pulumi.ResourceOptions(protect=True)
            ),
        )
        self.api_group = api_server.id
        self.node_group = self.eks.vpc_config.cluster_security_group_id.apply(str)
        self.administrators = [
            entry for arn in config.administrators for entry in self._administrator(arn)
        ]
        self.first_addons = self._first_addons()
        self.register_outputs({})

    def last_addons(self, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """Add-ons whose pods are scheduled, and so wait for nodes."""
        versions = self._config.addons
        storage = self._pod_role(
            "storage",
            "Makes and attaches volumes",
            ["arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2"],
        )
        iam.RolePolicy(
            self.place.name("pods-storage-key"),
            role=storage.id,
            policy=self._volumes_key.arn.apply(
                lambda arn: policies.document(
                    policies.allow("Use", policies.KEY_USE, [arn]),
                    policies.allow(
                        "Grant",
                        ["kms:CreateGrant"],
                        [arn],
                        condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
                    ),
                )
            ),
            opts=self.made(),
        )
        return [
            self._addon("coredns", versions.coredns, after=nodes),
            self._addon(
                "aws-ebs-csi-driver",
                versions.ebs_csi_driver,
                after=nodes,
                roles={"ebs-csi-controller-sa": storage.arn},
            ),
        ]

    def _first_addons(self) -> list[pulumi.Resource]:
        versions = self._config.addons
        network = self._pod_role(
            "network",
            "Gives pods their addresses",
            ["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"],
        )
        return [
            self._addon("aws-guardduty-agent", versions.guardduty_agent),
            self._addon("eks-pod-identity-agent", versions.pod_identity_agent),
            self._addon("kube-proxy", versions.kube_proxy),
            self._addon(
                "vpc-cni",
                versions.vpc_cni,
                roles={"aws-node": network.arn},
                settings={"enableNetworkPolicy": "true"},
            ),
        ]

    def _addon(
        self,
        name: str,
        version: str,
        *,
        after: Sequence[pulumi.Resource] = (),
        roles: dict[str, pulumi.Output[str]] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> eks.Addon:
        return eks.Addon(
            self.place.name(name),
            cluster_name=self.eks.name,
            addon_name=name,
            addon_version=version,
            configuration_values=None if settings is None else json.dumps(settings),
            pod_identity_associations=[
                {"service_account": account, "role_arn": arn}
                for account, arn in (roles or {}).items()
            ],
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=self.place.tags(self.place.name(name)),
            opts=self.made(*after),
        )

    def _pod_role(self, name: str, description: str, attached: Sequence[str]) -> iam.Role:
        role = iam.Role(
            self.place.name(f"pods-{name}"),
            name=self.place.name(f"pods-{name}"),
            description=description,
            assume_role_policy=policies.trust_pods(),
            tags=self.place.tags(self.place.name(f"pods-{name}")),
            opts=self.made(),
        )
        for index, arn in enumerate(attached):
            iam.RolePolicyAttachment(
                self.place.name(f"pods-{name}-{index}"),
                role=role.name,
                policy_arn=arn,
                opts=self.made(),
            )
        return role

    def _administrator(self, arn: str) -> list[pulumi.Resource]:
        short = arn.rpartition("/")[2]
        entry = eks.AccessEntry(
            self.place.name(f"administrator-{short}"),
            cluster_name=self.eks.name,
            principal_arn=arn,
            type="STANDARD",
            tags=self.place.tags(self.place.name(short)),
            opts=self.made(),
        )
        rights = eks.AccessPolicyAssociation(
            self.place.name(f"administrator-{short}"),
            cluster_name=self.eks.name,
            principal_arn=arn,
            policy_arn=_ADMINISTRATOR,
            access_scope={"type": "cluster"},
            opts=self.made(entry),
        )
        return [entry, rights]

    def _role(self) -> tuple[iam.Role, pulumi.Resource]:
        name = self.place.name("cluster")
        role = iam.Role(
            self.place.name("cluster"),
            name=name,
            description="The control plane",
            assume_role_policy=policies.trust("eks.amazonaws.com", account=self.place.account),
            tags=self.place.tags(name),
            opts=self.made(),
        )
        rights = iam.RolePolicyAttachment(
            self.place.name("cluster"),
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
            opts=self.made(),
        )
        return role, rights

    def _group(self, network: Network, ranges: AwsNetwork) -> ec2.SecurityGroup:
        """Besides the group that EKS makes for nodes: how engineers reach the API server."""
        name = self.place.name("api-server")
        group = ec2.SecurityGroup(
            self.place.name("api-server"),
            name=name,
            description="The API server for engineers",
            vpc_id=network.vpc.id,
            tags=self.place.tags(name),
            opts=self.made(),
        )
        vpc.SecurityGroupIngressRule(
            self.place.name("api-server-from-engineers"),
            security_group_id=group.id,
            description="HTTPS from engineers and the host that deploys",
            cidr_ipv4=str(ranges.engineers),
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            tags=self.place.tags(name),
            opts=self.made(),
        )
        return group


def kubeconfig(place: Place, cluster: eks.Cluster) -> pulumi.Output[str]:
    """A kubeconfig without a secret: `aws` fetches a token when one is needed."""
    name = place.name()
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", name, "--region", place.region],
        "interactiveMode": "Never",
    }
    server = {
        "server": cluster.endpoint,
        "certificate-authority-data": cluster.certificate_authority.data,
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": {"exec": login}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    # Indented, because a text of one line would be taken for a path.
    return pulumi.Output.json_dumps(document, indent=1)
