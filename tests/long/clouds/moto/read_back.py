"""What an account says of itself, asked as the AWS CLI asks. Runs in moto's own environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def everything(client: Client) -> dict[str, Any]:
    """Answers by subject, each as the service gave it."""
    return {
        "buckets": _buckets(client("s3")),
        "keys": _keys(client("kms")),
        "network": _network(client("ec2")),
        "instances": _instances(client("ec2")),
        "templates": _templates(client("ec2")),
        "log_groups": client("logs").describe_log_groups()["logGroups"],
        "databases": client("rds").describe_db_instances()["DBInstances"],
        "trails": _trails(client("cloudtrail")),
        "repositories": client("ecr").describe_repositories()["repositories"],
        "clusters": _clusters(client("eks")),
        "balancers": client("elbv2").describe_load_balancers()["LoadBalancers"],
        "detectors": _detectors(client("guardduty")),
        "roles": _roles(client("iam")),
        "volumes_encrypted": client("ec2").get_ebs_encryption_by_default()[
            "EbsEncryptionByDefault"
        ],
    }


def _buckets(s3: Any) -> dict[str, Any]:
    found = {}
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
        found[name] = {
            "encryption": encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"],
            "versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
            "public": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
            "ownership": s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"],
            "policy": json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]),
            "lock": _lock(s3, name),
        }
    return found


def _lock(s3: Any, name: str) -> Any:
    try:
        return s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return None
        raise


def _keys(kms: Any) -> list[dict[str, Any]]:
    aliases = {
        one["TargetKeyId"]: one["AliasName"]
        for one in kms.list_aliases()["Aliases"]
        if "TargetKeyId" in one
    }
    return [
        {
            "alias": aliases.get(one["KeyId"]),
            "arn": one["KeyArn"],
            "rotates": kms.get_key_rotation_status(KeyId=one["KeyId"])["KeyRotationEnabled"],
            "policy": json.loads(
                kms.get_key_policy(KeyId=one["KeyId"], PolicyName="default")["Policy"]
            ),
        }
        for one in kms.list_keys()["Keys"]
        if one["KeyId"] in aliases and not aliases[one["KeyId"]].startswith("alias/aws/")
    ]


def _network(ec2: Any) -> dict[str, Any]:
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    gateways = ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
    )
    return {
        "internet_gateways": gateways["InternetGateways"],
        "nat_gateways": ec2.describe_nat_gateways(Filters=here)["NatGateways"],
        "addresses": ec2.describe_addresses()["Addresses"],
        "subnets": ec2.describe_subnets(Filters=here)["Subnets"],
        "route_tables": ec2.describe_route_tables(Filters=here)["RouteTables"],
        "groups": ec2.describe_security_groups(Filters=here)["SecurityGroups"],
        "endpoints": ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"],
        "flow_logs": ec2.describe_flow_logs()["FlowLogs"],
    }


def _instances(ec2: Any) -> list[dict[str, Any]]:
    pages = ec2.describe_instances()["Reservations"]
    found = [instance for page in pages for instance in page["Instances"]]
    volumes = {one["VolumeId"]: one for one in ec2.describe_volumes()["Volumes"]}
    for instance in found:
        instance["Volumes"] = [
            volumes[one["Ebs"]["VolumeId"]] for one in instance["BlockDeviceMappings"]
        ]
    return found


def _templates(ec2: Any) -> list[dict[str, Any]]:
    names = [
        one["LaunchTemplateName"] for one in ec2.describe_launch_templates()["LaunchTemplates"]
    ]
    return [
        ec2.describe_launch_template_versions(LaunchTemplateName=name)["LaunchTemplateVersions"][
            -1
        ]["LaunchTemplateData"]
        for name in names
    ]


def _trails(cloudtrail: Any) -> list[dict[str, Any]]:
    return [
        {
            **one,
            "logging": cloudtrail.get_trail_status(Name=one["TrailARN"])["IsLogging"],
            "selectors": cloudtrail.get_event_selectors(TrailName=one["TrailARN"])[
                "AdvancedEventSelectors"
            ],
        }
        for one in cloudtrail.describe_trails()["trailList"]
    ]


def _clusters(eks: Any) -> list[dict[str, Any]]:
    return [eks.describe_cluster(name=name)["cluster"] for name in eks.list_clusters()["clusters"]]


def _detectors(guardduty: Any) -> list[dict[str, Any]]:
    ids = guardduty.list_detectors()["DetectorIds"]
    return [guardduty.get_detector(DetectorId=id_) for id_ in ids]


def _roles(iam: Any) -> dict[str, Any]:
    return {
        role["RoleName"]: {
            "trust": role["AssumeRolePolicyDocument"],
            "policies": {
                name: iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)[
                    "PolicyDocument"
                ]
                for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            },
        }
        for role in iam.list_roles()["Roles"]
    }
