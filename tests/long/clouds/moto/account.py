"""An account of moto's, and how types of the program are made in it. Runs in moto's environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3

Inputs = dict[str, Any]

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BUCKET = "aws:s3/bucket:Bucket"

#: Types that moto has no service or call for, or whose making says nothing that is read back.
NOT_IN_MOTO = {
    "aws:accessanalyzer/analyzer:Analyzer": "moto has no Access Analyzer",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": (
        "its client asks at ACCOUNT.HOST, and no such name leads to the server"
    ),
    "aws:ebs/defaultKmsKey:DefaultKmsKey": "no such call",
    "aws:route53/record:Record": "says nothing of protection",
    "aws:route53/resolverEndpoint:ResolverEndpoint": "says nothing of protection",
    "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig": "refuses the log group",
    "aws:route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation": (
        "goes with its configuration"
    ),
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": "no such call",
    "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": "no such call",
    "aws:ec2/serialConsoleAccess:SerialConsoleAccess": "no such call",
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": "ENHANCED is refused",
    "aws:eks/accessEntry:AccessEntry": "no such call",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "no such call",
    "aws:eks/addon:Addon": "versions are not known to it",
    "aws:guardduty/detectorFeature:DetectorFeature": "features are part of its detector",
    "aws:route53/resolverFirewallConfig:ResolverFirewallConfig": "no DNS firewall",
    "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList": "no DNS firewall",
    "aws:route53/resolverFirewallRule:ResolverFirewallRule": "no DNS firewall",
    "aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup": "no DNS firewall",
    "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation": (
        "no DNS firewall"
    ),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": "the gateway is another account's",
    "aws:ec2/route:Route": "leads to that gateway",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": "says nothing of protection",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "says nothing of protection",
}


class Account:
    """A moto account, and what the program's made-up names are called in it."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._session = boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name=region,
        )
        self._endpoint = endpoint
        #: (type, made-up id) -> id.
        self.ids: dict[tuple[str, str], str] = {}
        #: Made-up ARN -> ARN.
        self.arns: dict[str, str] = {}

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    def id(self, kind: str, made_up: str) -> str:
        return self.ids[kind, made_up]

    def real(self, value: Any) -> Any:
        """Inputs with every ARN replaced by the one that the account gave."""
        text = json.dumps(value)
        for made_up, arn in self.arns.items():
            text = text.replace(made_up, arn)
        return json.loads(text, parse_float=_number)


def _number(text: str) -> float:
    """Pulumi knows no whole numbers; boto3 insists on them."""
    return int(float(text)) if float(text).is_integer() else float(text)


Maker = Callable[[Account, str, Inputs], str | None]
MAKERS: dict[str, Maker] = {}


def makes(type_: str) -> Callable[[Maker], Maker]:
    """Registers how a type is made; the maker returns the id, if others name it."""

    def register(maker: Maker) -> Maker:
        MAKERS[type_] = maker
        return maker

    return register


def tags(inputs: Inputs, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in (inputs.get("tags") or {}).items()]


def labelled(kind: str, inputs: Inputs) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(inputs)}]
