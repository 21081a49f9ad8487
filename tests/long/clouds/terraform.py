"""An inventory of AWS resources as Terraform's JSON, which checkov reads.

pulumi-aws is made from Terraform's provider: a type, its properties and their nesting are the
same under other names, so this only renames. Nothing is added and nothing is left out, except what
checkov has no type for.
"""

from __future__ import annotations

import re
from typing import Any

from tests.harness.deploy import Deployment

#: Where a type's name is another one in Terraform; else `aws:s3/bucket:Bucket` is aws_s3_bucket.
_TYPES = {
    "aws:accessanalyzer/analyzer:Analyzer": "aws_accessanalyzer_analyzer",
    "aws:cloudtrail/trail:Trail": "aws_cloudtrail",
    "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
    "aws:ebs/defaultKmsKey:DefaultKmsKey": "aws_ebs_default_kms_key",
    "aws:ec2/defaultRouteTable:DefaultRouteTable": "aws_default_route_table",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "aws_default_security_group",
    "aws:ec2/flowLog:FlowLog": "aws_flow_log",
    "aws:ec2/instance:Instance": "aws_instance",
    "aws:ec2/keyPair:KeyPair": "aws_key_pair",
    "aws:ec2/launchTemplate:LaunchTemplate": "aws_launch_template",
    "aws:ec2/routeTable:RouteTable": "aws_route_table",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "aws_route_table_association",
    "aws:ec2/securityGroup:SecurityGroup": "aws_security_group",
    "aws:ec2/subnet:Subnet": "aws_subnet",
    "aws:ec2/vpc:Vpc": "aws_vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "aws_vpc_endpoint",
    "aws:lb/listener:Listener": "aws_lb_listener",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:lb/targetGroup:TargetGroup": "aws_lb_target_group",
    "aws:rds/instance:Instance": "aws_db_instance",
    "aws:rds/parameterGroup:ParameterGroup": "aws_db_parameter_group",
    "aws:rds/subnetGroup:SubnetGroup": "aws_db_subnet_group",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": (
        "aws_s3_account_public_access_block"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "aws_vpc_security_group_egress_rule"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "aws_vpc_security_group_ingress_rule"
    ),
}
#: Properties that Pulumi has in the plural and Terraform repeats in the singular.
_SINGULAR = {
    "aliases": "alias",
    "block_device_mappings": "block_device_mappings",
    "default_actions": "default_action",
    "encryption_configurations": "encryption_configuration",
    "notifications": "notification",
    "parameters": "parameter",
    "rules": "rule",
    "tag_specifications": "tag_specifications",
    "taints": "taint",
    "vpcs": "vpc",
}
#: Maps whose keys are the user's.
_FREE = {"tags", "labels"}
#: Whose id a property holds, where checkov follows it from one resource to the other.
_REFERENCES = {
    "bucket": "aws_s3_bucket",
    "vpc_id": "aws_vpc",
    "security_group_id": "aws_security_group",
    "security_group_ids": "aws_security_group",
    "security_groups": "aws_security_group",
    "vpc_security_group_ids": "aws_security_group",
    "referenced_security_group_id": "aws_security_group",
    "s3_bucket_name": "aws_s3_bucket",
    "role": "aws_iam_role",
    "subnet_id": "aws_subnet",
    "subnet_ids": "aws_subnet",
}

#: What the mocks answer for a resource, and the attribute that it stands for.
_MADE_UP = (
    (r"arn:aws:logs:[^:]+:[0-9]+:([a-z-]+):\*", "${{aws_cloudwatch_log_group.{}.arn}}:*"),
    (r"([a-z-]+)\.elb\.[a-z0-9-]+\.amazonaws\.com", "${{aws_lb.{}.dns_name}}"),
)


def render(deployment: Deployment) -> dict[str, Any]:
    """The content of one `.tf.json` file."""
    resources: dict[str, dict[str, Any]] = {}
    for one in deployment.resources:
        if one.type.startswith("aws:"):
            kept = {key: value for key, value in one.inputs.items() if value is not None}
            resources.setdefault(type_of(one.type), {})[label(one.name)] = _block(kept)
    return {"resource": resources}


def type_of(token: str) -> str:
    module, _, name = token.removeprefix("aws:").partition("/")
    return _TYPES.get(token, f"aws_{module}_{_snake(name.partition(':')[0])}")


def label(name: str) -> str:
    """A name that Terraform takes for one."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _block(inputs: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in inputs.items():
        name = _snake(key)
        name = _SINGULAR.get(name, name)
        if name in _FREE:
            found[name] = value
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found[name] = [_block(item) for item in value]
        elif isinstance(value, dict):
            found[name] = [_block(value)]
        else:
            found[name] = _linked(name, _plain(value))
    return found


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _linked(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_linked(name, item) for item in value]
    for made_up, reference in _MADE_UP:
        if found := re.fullmatch(made_up, str(value)):
            return reference.format(label(found[1]))
    kind = _REFERENCES.get(name)
    if kind is None or not isinstance(value, str) or not value.endswith("-id"):
        return value
    return f"${{{kind}.{label(value.removesuffix('-id'))}.id}}"
