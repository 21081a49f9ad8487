"""The ways to AWS's own services, each with a policy: this account's principals, named actions.

What a private EKS cluster needs:
https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
Policies of endpoints: https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.policies import Statement
from infra.clouds.aws.sdk import ec2, vpc

HTTPS = 443

_PULL = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
_PUSH = (
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
#: Services with an endpoint in every zone, and what may be asked of them; ECR's are in `_images`.
_ACTIONS: dict[str, tuple[str, ...]] = {
    "ec2": (
        # The network plugin: https://docs.aws.amazon.com/eks/latest/userguide/cni-iam-role.html
        "ec2:AssignPrivateIpAddresses",
        "ec2:AttachNetworkInterface",
        "ec2:CreateNetworkInterface",
        "ec2:CreateTags",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DetachNetworkInterface",
        "ec2:ModifyNetworkInterfaceAttribute",
        "ec2:UnassignPrivateIpAddresses",
        # Volumes: https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html
        "ec2:AttachVolume",
        "ec2:CreateSnapshot",
        "ec2:CreateVolume",
        "ec2:DeleteSnapshot",
        "ec2:DeleteVolume",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumeStatus",
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumesModifications",
        "ec2:DetachVolume",
        "ec2:ModifyVolume",
    ),
    "eks": ("eks:DescribeCluster",),
    "eks-auth": ("eks-auth:AssumeRoleForPodIdentity",),
    "guardduty-data": ("guardduty:SendSecurityTelemetry",),
    "kms": (
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
    ),
    "logs": (
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    ),
    "secretsmanager": ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
    # Session Manager: a shell on a node for emergencies, recorded in the trail, without SSH.
    "ssm": (
        "ssm:ListInstanceAssociations",
        "ssm:PutInventory",
        "ssm:UpdateInstanceInformation",
    ),
    "ssmmessages": (
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ),
    "sts": ("sts:AssumeRole", "sts:GetCallerIdentity", "sts:TagSession"),
}
_REGISTRY = ("ecr.api", "ecr.dkr")
_OBJECTS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:GetObjectVersion",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)
_BUCKETS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketVersions")


class Endpoints(Part):
    """One gateway for S3, and interfaces for everything else."""

    def __init__(
        self,
        place: Place,
        network: Network,
        *,
        clients: Sequence[IPv4Network],
        buckets: Sequence[str],
        image_accounts: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`clients` are the ranges that may ask; `buckets` names of those that may be used;
        `image_accounts` other accounts whose images may be pulled.
        """
        super().__init__("Endpoints", place, opts)
        self.group = group = self._group(network, clients)
        documents = {
            **{
                service: policies.document(_ask(place, actions))
                for service, actions in _ACTIONS.items()
            },
            **dict.fromkeys(_REGISTRY, _images(place, image_accounts)),
        }
        for service, policy in sorted(documents.items()):
            ec2.VpcEndpoint(
                place.name(service),
                vpc_id=network.vpc.id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{place.region}.{service}",
                subnet_ids=[subnet.id for subnet in network.subnets("endpoints")],
                security_group_ids=[group.id],
                private_dns_enabled=True,
                policy=policy,
                tags=place.tags(place.name(service)),
                opts=self.made(),
            )
        ec2.VpcEndpoint(
            place.name("s3"),
            vpc_id=network.vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{place.region}.s3",
            route_table_ids=[network.route_table.id],
            policy=_storage(place, buckets),
            tags=place.tags(place.name("s3")),
            opts=self.made(),
        )
        self.register_outputs({})

    def _group(self, network: Network, clients: Sequence[IPv4Network]) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self.place.name("endpoints"),
            name=self.place.name("endpoints"),
            description="Ways to AWS's own services",
            vpc_id=network.vpc.id,
            tags=self.place.tags(self.place.name("endpoints")),
            opts=self.made(),
        )
        for range_ in clients:
            vpc.SecurityGroupIngressRule(
                self.place.name(f"endpoints-from-{range_}"),
                security_group_id=group.id,
                description="HTTPS from the lab's own machines and engineers",
                cidr_ipv4=str(range_),
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                tags=self.place.tags(self.place.name("endpoints")),
                opts=self.made(),
            )
        return group


def _own(place: Place) -> policies.Condition:
    return {"StringEquals": {"aws:PrincipalAccount": place.account}}


def _ask(place: Place, actions: Sequence[str]) -> Statement:
    return policies.allow("OwnAccount", actions, ["*"], principal="*", condition=_own(place))


def _images(place: Place, accounts: Sequence[str]) -> str:
    own = place.arn("ecr", f"repository/{place.lab}/*")
    others = [f"arn:aws:ecr:{place.region}:{account}:repository/*" for account in accounts]
    return policies.document(
        _ask(place, ["ecr:GetAuthorizationToken"]),
        policies.allow("Pull", _PULL, [own, *others], principal="*", condition=_own(place)),
        policies.allow("Push", _PUSH, [own], principal="*", condition=_own(place)),
    )


def _storage(place: Place, buckets: Sequence[str]) -> str:
    arns = [f"arn:aws:s3:::{name}" for name in buckets]
    # ECR keeps layers there and signs the requests for them itself:
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    layers = f"arn:aws:s3:::prod-{place.region}-starport-layer-bucket/*"
    own = _own(place)
    return policies.document(
        policies.allow("Buckets", _BUCKETS, arns, principal="*", condition=own),
        policies.allow(
            "Objects", _OBJECTS, [f"{arn}/*" for arn in arns], principal="*", condition=own
        ),
        policies.allow("Layers", ["s3:GetObject"], [layers], principal="*"),
    )
