"""What a planned resource takes that is paid for by time or size. Pure.

Types are those of Pulumi, keys of properties those of their inputs. What is paid for by use alone
(requests, traffic, stored data) is named as such, what has no charge of its own is listed here by
its type, and everything else is unknown: nothing is ever free because nobody thought of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from infra.costs.tables import Unit

#: Hours of an average month; the providers' own calculators count so.
HOURS = 730

#: What groups of machines refer to for the kind of their machines.
TEMPLATES = frozenset({"aws:ec2/launchTemplate:LaunchTemplate"})

#: The kind of Azure's disks that has a price a step, and its steps by the most GiB that they hold.
_PREMIUM = "Premium_LRS"
_PREMIUM_STEPS = (
    (4, "p1"),
    (8, "p2"),
    (16, "p3"),
    (32, "p4"),
    (64, "p6"),
    (128, "p10"),
    (256, "p15"),
    (512, "p20"),
    (1024, "p30"),
    (2048, "p40"),
    (4096, "p50"),
)
#: Sizes of Azure's machines name what they can after the number; an `s` is premium disks.
_PREMIUM_CAPABLE = re.compile(r"Standard_[A-Z]+[0-9]+(-[0-9]+)?[a-z]*s[a-z]*_")

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource that a preview would make."""

    type: str
    name: str
    inputs: Inputs
    #: By which others refer to it.
    id: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """So many units a month of what `key` names in a price table."""

    key: str
    unit: Unit
    quantity: Decimal


def _hours(key: str, count: int = 1) -> Usage:
    return Usage(key, "hour", Decimal(count * HOURS))


def _gib(key: str, size: Any, count: int = 1) -> Usage:
    return Usage(key, "GiB-month", Decimal(str(size)) * count)


def _aws_instance(inputs: Inputs) -> Iterator[Usage]:
    yield _hours(f"ec2/{inputs['instanceType']}")
    disk = inputs.get("rootBlockDevice") or {}
    if size := disk.get("volumeSize"):
        yield _gib(f"ebs/{disk.get('volumeType', 'gp3')}", size)


def _aws_nodes(inputs: Inputs) -> Iterator[Usage]:
    """The fewest nodes that the group keeps, as it or its launch template says."""
    count = int(inputs["scalingConfig"]["minSize"])
    kinds = inputs.get("instanceTypes") or [inputs["launchTemplate"]["instanceType"]]
    yield _hours(f"ec2/{kinds[0]}", count)
    if size := inputs.get("diskSize"):
        yield _gib("ebs/gp3", size, count)
    for mapping in (inputs.get("launchTemplate") or {}).get("blockDeviceMappings") or []:
        disk = mapping["ebs"]
        yield _gib(f"ebs/{disk.get('volumeType', 'gp2')}", disk["volumeSize"], count)


def _aws_resolver(inputs: Inputs) -> Iterator[Usage]:
    yield _hours("route53/resolver-address", len(inputs["ipAddresses"]))


def _aws_endpoint(inputs: Inputs) -> Iterator[Usage]:
    """Gateway endpoints (S3, DynamoDB) cost nothing; the others by the zone."""
    if inputs.get("vpcEndpointType") == "Interface":
        yield _hours("vpc/interface-endpoint", len(inputs.get("subnetIds") or [None]))


def _aws_database(inputs: Inputs) -> Iterator[Usage]:
    copies = 2 if inputs.get("multiAz") else 1
    yield _hours(f"rds/{inputs['instanceClass']}", copies)
    yield _gib(f"rds/{inputs.get('storageType', 'gp2')}", inputs["allocatedStorage"], copies)


def _azure_cluster(inputs: Inputs) -> Iterator[Usage]:
    tier = str((inputs.get("sku") or {}).get("tier", "Free"))
    if tier != "Free":
        yield _hours(f"aks/{tier.lower()}")
    for pool in inputs.get("agentPoolProfiles") or []:
        yield from _azure_pool(pool)


def _azure_pool(inputs: Inputs) -> Iterator[Usage]:
    """Azure chooses the kind of a pool's disks: premium ones where the machines can have them."""
    count = int(inputs.get("minCount", inputs.get("count", 1)))
    machine = str(inputs["vmSize"])
    yield _hours(f"vm/{machine}", count)
    if size := inputs.get("osDiskSizeGB"):
        kind = _PREMIUM if _PREMIUM_CAPABLE.match(machine) else "managed"
        yield _azure_disk(kind, size, count)


def _azure_machine(inputs: Inputs) -> Iterator[Usage]:
    yield _hours(f"vm/{inputs['hardwareProfile']['vmSize']}")
    disk = (inputs.get("storageProfile") or {}).get("osDisk") or {}
    if size := disk.get("diskSizeGB"):
        kind = (disk.get("managedDisk") or {}).get("storageAccountType", "managed")
        yield _azure_disk(str(kind), size)


def _azure_disk(kind: str, size: Any, count: int = 1) -> Usage:
    """Premium disks are paid for by the step that they fit into, whatever is used of it."""
    steps = (name for most, name in _PREMIUM_STEPS if Decimal(str(size)) <= most)
    if kind == _PREMIUM and (step := next(steps, None)):
        return Usage(f"disk/premium-lrs-{step}", "month", Decimal(count))
    return _gib(f"disk/{kind}", size, count)


def _azure_database(inputs: Inputs) -> Iterator[Usage]:
    mode = (inputs.get("highAvailability") or {}).get("mode", "Disabled")
    copies = 1 if mode == "Disabled" else 2
    yield _hours(f"postgresql/{inputs['sku']['name']}", copies)
    if size := (inputs.get("storage") or {}).get("storageSizeGB"):
        yield _gib("postgresql/storage", size, copies)


def _fixed(usage: Usage) -> Callable[[Inputs], Iterator[Usage]]:
    return lambda _: iter([usage])


def _month(key: str) -> Usage:
    return Usage(key, "month", Decimal(1))


_BY_TIME: dict[str, Callable[[Inputs], Iterator[Usage]]] = {
    "aws:ec2/instance:Instance": _aws_instance,
    "aws:ec2/eip:Eip": _fixed(_hours("vpc/public-ipv4")),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _aws_endpoint,
    "aws:ebs/volume:Volume": lambda inputs: iter(
        [_gib(f"ebs/{inputs.get('type', 'gp2')}", inputs["size"])]
    ),
    "aws:eks/cluster:Cluster": _fixed(_hours("eks/cluster")),
    "aws:eks/nodeGroup:NodeGroup": _aws_nodes,
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": _fixed(
        _hours("vpc/transit-gateway-attachment")
    ),
    "aws:kms/key:Key": _fixed(_month("kms/key")),
    "aws:rds/instance:Instance": _aws_database,
    "aws:lb/loadBalancer:LoadBalancer": lambda inputs: iter(
        [_hours(f"elb/{inputs.get('loadBalancerType', 'application')}")]
    ),
    "aws:route53/resolverEndpoint:ResolverEndpoint": _aws_resolver,
    "aws:route53/zone:Zone": _fixed(_month("route53/zone")),
    "aws:secretsmanager/secret:Secret": _fixed(_month("secretsmanager/secret")),
    "azure-native:compute:VirtualMachine": _azure_machine,
    "azure-native:containerregistry:Registry": lambda inputs: iter(
        [_hours(f"acr/{str(inputs['sku']['name']).lower()}")]
    ),
    "azure-native:containerservice:AgentPool": _azure_pool,
    "azure-native:containerservice:ManagedCluster": _azure_cluster,
    "azure-native:dbforpostgresql:Server": _azure_database,
    "azure-native:network:LoadBalancer": _fixed(_hours("network/load-balancer")),
    "azure-native:network:PrivateEndpoint": _fixed(_hours("network/private-endpoint")),
    "azure-native:network:PublicIPAddress": _fixed(_hours("network/public-ipv4")),
}

#: Paid for by what is stored, sent, asked or watched.
_BY_USE = frozenset(
    {
        "aws:cloudtrail/trail:Trail",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:ec2/flowLog:FlowLog",
        "aws:ecr/repository:Repository",
        "aws:guardduty/detector:Detector",
        "aws:guardduty/detectorFeature:DetectorFeature",
        "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList",
        "aws:s3/bucket:Bucket",
        "azure-native:keyvault:Key",
        "azure-native:keyvault:Vault",
        "azure-native:network:FlowLog",
        "azure-native:operationalinsights:Workspace",
        "azure-native:privatedns:PrivateZone",
        "azure-native:security:Pricing",
        "azure-native:storage:StorageAccount",
    }
)

#: Modules, and types, that only describe: networks, rights, rules, settings of something else.
_DESCRIBES = (
    "aws:budgets/",
    "aws:ebs/snapshotBlockPublicAccess:",
    "aws:ec2/instanceMetadataDefaults:",
    "aws:ec2/serialConsoleAccess:",
    "aws:lb/listener:",
    "aws:lb/targetGroup",
    "aws:route53/record:",
    "aws:route53/resolverFirewallConfig:",
    "aws:route53/resolverFirewallRule",
    "aws:route53/resolverQueryLogConfig",
    "aws:s3/accountPublicAccessBlock:",
    "aws:cloudwatch/logResourcePolicy:",
    "aws:ebs/defaultKmsKey:",
    "aws:ebs/encryptionByDefault:",
    "aws:ec2/defaultNetworkAcl:",
    "aws:ec2/defaultRouteTable:",
    "aws:ec2/defaultSecurityGroup:",
    "aws:ec2/eipAssociation:",
    "aws:ec2/internetGateway:",
    "aws:ec2/keyPair:",
    "aws:ec2/launchTemplate:",
    "aws:ec2/networkInterface:",
    "aws:ec2/route:",
    "aws:ec2/routeTable:",
    "aws:ec2/routeTableAssociation:",
    "aws:ec2/securityGroup:",
    "aws:ec2/subnet:",
    "aws:ec2/vpc:",
    "aws:ec2/vpcEndpointPolicy:",
    "aws:ec2/vpcEndpointRouteTableAssociation:",
    "aws:ecr/lifecyclePolicy:",
    "aws:ecr/repositoryPolicy:",
    "aws:eks/accessEntry:",
    "aws:eks/accessPolicyAssociation:",
    "aws:eks/addon:",
    "aws:eks/podIdentityAssociation:",
    "aws:iam/",
    "aws:kms/alias:",
    "aws:rds/parameterGroup:",
    "aws:rds/subnetGroup:",
    "aws:s3/bucket",
    "aws:vpc/securityGroup",
    "azure-native:authorization:",
    "azure-native:compute:DiskEncryptionSet",
    "azure-native:containerregistry:CacheRule",
    "azure-native:containerservice:MaintenanceConfiguration",
    "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra",
    "azure-native:dbforpostgresql:Configuration",
    "azure-native:monitor:DiagnosticSetting",
    "azure-native:monitor:PrivateLinkScope",
    "azure-native:monitor:SubscriptionDiagnosticSetting",
    "azure-native:operationalinsights:LinkedService",
    "azure-native:resources:Deployment",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:ManagementPolicy",
    "azure-native:consumption:Budget",
    "azure-native:managedidentity:",
    "azure-native:network:NetworkInterface",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:PrivateDnsZoneGroup",
    "azure-native:network:Route",
    "azure-native:network:SecurityRule",
    "azure-native:network:Subnet",
    "azure-native:network:VirtualNetwork",
    "azure-native:privatedns:VirtualNetworkLink",
    "azure-native:resources:ResourceGroup",
)


def is_cloud(planned: Planned) -> bool:
    return planned.type.startswith(("aws:", "azure-native:"))


def provider(planned: Planned) -> str:
    return "aws" if planned.type.startswith("aws:") else "azure"


def by_use(planned: Planned) -> bool:
    return _plain(planned.type) in _BY_USE


def describes(planned: Planned) -> bool:
    return _plain(planned.type).startswith(_DESCRIBES)


def with_template(planned: Planned, templates: Mapping[str, Inputs]) -> Planned:
    """The same with what its launch template says (by its id), where it has one."""
    template = planned.inputs.get("launchTemplate")
    if not isinstance(template, Mapping) or template.get("id") not in templates:
        return planned
    return replace(
        planned, inputs={**planned.inputs, "launchTemplate": templates[str(template["id"])]}
    )


def usage(planned: Planned) -> list[Usage] | None:
    """What it takes; None if nobody said what a resource of this type takes, or it lacks the
    properties that say how much.
    """
    rule = _BY_TIME.get(_plain(planned.type))
    if rule is None:
        return None
    try:
        return list(rule(planned.inputs))
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _plain(kind: str) -> str:
    """A type without the version of Azure's API that it may carry (`network/v20240101:X`)."""
    module, _, rest = kind.rpartition(":")
    return f"{module.partition('/v2')[0]}:{rest}" if kind.startswith("azure-native:") else kind
