"""Ids and ARNs as AWS gives them.

Formats: https://docs.aws.amazon.com/service-authorization/latest/reference/ (one page a service,
"Resource types defined by ..."); what the provider takes as a resource's id stands in the SDK's
own documentation under "Import".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.offline.recording import texts
from infra.offline.recording.made import Made
from infra.plugins.diffing import Path

#: The account of AWS' own examples, where the configuration names none.
ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"

#: Resources of EC2 whose id is a word and 17 hexadecimal digits, by their kind.
_NUMBERED: Final = {
    "CustomerGateway": "cgw",
    "DhcpOptions": "dopt",
    "EgressOnlyInternetGateway": "eigw",
    "Eip": "eipalloc",
    "FlowLog": "fl",
    "Instance": "i",
    "InternetGateway": "igw",
    "LaunchTemplate": "lt",
    "NatGateway": "nat",
    "NetworkAcl": "acl",
    "NetworkInterface": "eni",
    "PlacementGroup": "pg",
    "RouteTable": "rtb",
    "SecurityGroup": "sg",
    "SecurityGroupEgressRule": "sgr",
    "SecurityGroupIngressRule": "sgr",
    "SecurityGroupRule": "sgrule",
    "Subnet": "subnet",
    "TransitGateway": "tgw",
    "Volume": "vol",
    "Vpc": "vpc",
    "VpcEndpoint": "vpce",
    "VpnConnection": "vpn",
    "VpnGateway": "vgw",
}
_EC2: Final = ("ec2", "vpc", "ebs", "ec2transitgateway")

#: Service in an ARN where it is not the SDK's module.
_SERVICES: Final = {
    "alb": "elasticloadbalancing",
    "cfg": "config",
    "ebs": "ec2",
    "ec2transitgateway": "ec2",
    "efs": "elasticfilesystem",
    "lb": "elasticloadbalancing",
    "vpc": "ec2",
}

#: Inputs that name a resource, in this order.
_NAMES: Final = ("name", "bucket", "identifier", "clusterIdentifier", "repositoryName")

#: What follows `arn:PARTITION:SERVICE:REGION:ACCOUNT:`; `{id}`, `{name}`, `{hex}` and any input.
_RESOURCES: Final = {
    "aws:backup/plan:Plan": "backup-plan:{id}",
    "aws:backup/vault:Vault": "backup-vault:{name}",
    "aws:budgets/budget:Budget": "budget/{name}",
    "aws:cloudtrail/trail:Trail": "trail/{name}",
    "aws:cloudwatch/eventRule:EventRule": "rule/{name}",
    "aws:cloudwatch/logGroup:LogGroup": "log-group:{name}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarm:{name}",
    "aws:ecr/repository:Repository": "repository/{name}",
    "aws:eks/accessEntry:AccessEntry": "access-entry/{clusterName}/{hex}",
    "aws:eks/addon:Addon": "addon/{clusterName}/{addonName}/{hex}",
    "aws:eks/cluster:Cluster": "cluster/{name}",
    "aws:eks/nodeGroup:NodeGroup": "nodegroup/{clusterName}/{nodeGroupName}/{hex}",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        "podidentityassociation/{clusterName}/{id}"
    ),
    "aws:guardduty/detector:Detector": "detector/{id}",
    "aws:iam/instanceProfile:InstanceProfile": "instance-profile/{name}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "oidc-provider/{hex}",
    "aws:iam/policy:Policy": "policy/{name}",
    "aws:iam/role:Role": "role/{name}",
    "aws:iam/user:User": "user/{name}",
    "aws:kms/alias:Alias": "{name}",
    "aws:kms/key:Key": "key/{id}",
    "aws:rds/cluster:Cluster": "cluster:{name}",
    "aws:rds/instance:Instance": "db:{name}",
    "aws:rds/parameterGroup:ParameterGroup": "pg:{name}",
    "aws:rds/subnetGroup:SubnetGroup": "subgrp:{name}",
    "aws:s3/bucket:Bucket": "{name}",
    "aws:secretsmanager/secret:Secret": "secret:{name}-{hex}",
    "aws:sns/topic:Topic": "{name}",
    "aws:sqs/queue:Queue": "{name}",
}
#: Services whose ARNs name no region, and those that name no account either.
_WITHOUT_REGION: Final = ("iam", "budgets", "s3", "route53", "cloudfront")
_WITHOUT_ACCOUNT: Final = ("s3", "route53")

_UUIDS: Final = ("aws:kms/key:Key", "aws:backup/plan:Plan")
#: Where the provider takes the ARN as the id.
_BY_ARN: Final = (
    "aws:cloudtrail/trail:Trail",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
)


class Aws:
    """Amazon Web Services, as pulumi-aws describes it."""

    package = "pulumi_aws"
    fills_lists = True

    def id_of(self, made: Made) -> str:
        if made.type in _BY_ARN:
            return _arn(made)
        if made.type in _UUIDS:
            return made.uuid("id")
        if made.module in _EC2 and made.kind in _NUMBERED:
            return f"{_NUMBERED[made.kind]}-0{made.hex(16, 'id')}"
        if made.module == "guardduty":
            return made.hex(32, "id")
        return _name(made)

    def outputs(self, made: Made) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(made.inputs.get("tags"), Mapping) or _default_tags(made):
            found["tagsAll"] = {**_default_tags(made), **(made.inputs.get("tags") or {})}
        if made.type == "aws:eks/cluster:Cluster":
            found |= {
                "vpcConfig": {
                    "clusterSecurityGroupId": f"sg-0{made.hex(16, 'security group')}",
                    "vpcId": f"vpc-0{made.hex(16, 'vpc')}",
                },
                "identities": [{"oidcs": [{"issuer": f"https://{texts.host(made, 'issuer')}"}]}],
            }
        return found

    def text(self, made: Made, path: Path) -> str | None:
        """The ARN, the id or the name where the output is called so; else by its name alone."""
        word = str(path[-1])
        if word in _TEXTS and len(path) == 1:
            return _TEXTS[word](made)
        if word.lower().endswith(("arn", "arns")):
            return _spelt(made, _service(made), f"{word}/{made.hex(12, *path)}")
        return texts.by_name(made, path)


def _name(made: Made) -> str:
    """The given name, or one that the provider would make: the resource's and seven digits."""
    return made.text(*_NAMES) or f"{made.name}-{made.hex(7, 'name')}"


def _arn(made: Made) -> str:
    pattern = _RESOURCES.get(made.type)
    hexadecimal = made.hex(6 if made.module == "secretsmanager" else 36, "arn")
    parts = {"name": _name(made), "hex": hexadecimal}
    if made.type not in _BY_ARN:
        parts["id"] = Aws().id_of(made)
    if pattern is None:
        pattern = f"{re.sub(r'(?<!^)(?=[A-Z])', '-', made.kind).lower()}/{{id}}"
        parts.setdefault("id", parts["name"])
    wanted = set(re.findall(r"{(\w+)}", pattern)) - parts.keys()
    parts |= {name: made.text(name) or made.hex(8, name) for name in wanted}
    return _spelt(made, _service(made), pattern.format(**parts))


def _service(made: Made) -> str:
    if made.type == "aws:cloudwatch/eventRule:EventRule":
        return "events"
    if made.module == "cloudwatch" and made.kind.startswith("Log"):
        return "logs"
    return _SERVICES.get(made.module, made.module)


def _spelt(made: Made, service: str, resource: str) -> str:
    region = "" if service in _WITHOUT_REGION else _region(made)
    account = "" if service in _WITHOUT_ACCOUNT else _account(made)
    return f"arn:{_partition(made)}:{service}:{region}:{account}:{resource}"


def _region(made: Made) -> str:
    configured = made.settings.get("region")
    return made.text("region") or (configured if isinstance(configured, str) else REGION)


def _partition(made: Made) -> str:
    by_region = {"cn": "aws-cn", "us-gov": "aws-us-gov", "eusc": "aws-eusc"}
    region = _region(made)
    return next((name for start, name in by_region.items() if region.startswith(start)), "aws")


def _account(made: Made) -> str:
    allowed = _option(made, "allowedAccountIds")
    return str(allowed[0]) if isinstance(allowed, list) and allowed else ACCOUNT


def _default_tags(made: Made) -> dict[str, Any]:
    given = _option(made, "defaultTags")
    tags = given.get("tags") if isinstance(given, Mapping) else None
    return dict(tags) if isinstance(tags, Mapping) else {}


def _option(made: Made, name: str) -> Any:
    """An option of the provider; all but texts come as JSON in a text."""
    value = made.settings.get(name)
    return json.loads(value) if isinstance(value, str) else value


#: Outputs at the top of a resource that say what it is called, or where it lies.
_TEXTS: Final[Mapping[str, Callable[[Made], str]]] = {
    "accountId": _account,
    "arn": _arn,
    "keyId": Aws().id_of,
    "ownerId": _account,
    "region": _region,
    "registryId": _account,
    "repositoryUrl": lambda made: (
        f"{_account(made)}.dkr.ecr.{_region(made)}.{texts.NOWHERE}/{_name(made)}"
    ),
    **dict.fromkeys(_NAMES, _name),
}
