"""Makes what an AWS stack declares in an account of moto's. Runs in moto's own environment.

Standard input is one line of JSON: the resources in the order of their making, each with type,
name and inputs. Standard output is two lines: where the account answers, and what was made, read
back from it. The account stays until standard input is closed.

Calls are ours, not the Pulumi provider's: what is shown is that the inputs make a whole that the
service takes, and that it says of itself afterwards what was meant.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import read_back
from moto.server import ThreadedMotoServer

Inputs = dict[str, Any]

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


@makes("aws:kms/key:Key")
def key(account: Account, name: str, inputs: Inputs) -> str:
    kms = account.client("kms")
    made = kms.create_key(
        Description=inputs["description"],
        Policy=inputs["policy"],
        Tags=tags(inputs, "TagKey", "TagValue"),
    )["KeyMetadata"]
    if inputs["enableKeyRotation"]:
        kms.enable_key_rotation(
            KeyId=made["KeyId"], RotationPeriodInDays=inputs["rotationPeriodInDays"]
        )
    account.arns[f"arn:aws:kms:eu-central-1:123456789012:key/{name}"] = made["Arn"]
    return str(made["KeyId"])


@makes("aws:kms/alias:Alias")
def alias(account: Account, name: str, inputs: Inputs) -> None:
    account.client("kms").create_alias(
        AliasName=inputs["name"],
        TargetKeyId=account.id("aws:kms/key:Key", f"{inputs['targetKeyId']}-id"),
    )


@makes("aws:ec2/vpc:Vpc")
def vpc(account: Account, name: str, inputs: Inputs) -> str:
    made = account.client("ec2").create_vpc(
        CidrBlock=inputs["cidrBlock"], TagSpecifications=labelled("vpc", inputs)
    )
    return str(made["Vpc"]["VpcId"])


@makes("aws:ec2/subnet:Subnet")
def subnet(account: Account, name: str, inputs: Inputs) -> str:
    ec2 = account.client("ec2")
    id_ = ec2.create_subnet(
        VpcId=account.id("aws:ec2/vpc:Vpc", inputs["vpcId"]),
        CidrBlock=inputs["cidrBlock"],
        AvailabilityZone=inputs["availabilityZone"],
        TagSpecifications=labelled("subnet", inputs),
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(
        SubnetId=id_, MapPublicIpOnLaunch={"Value": inputs["mapPublicIpOnLaunch"]}
    )
    return str(id_)


@makes("aws:ec2/routeTable:RouteTable")
def route_table(account: Account, name: str, inputs: Inputs) -> str:
    made = account.client("ec2").create_route_table(
        VpcId=account.id("aws:ec2/vpc:Vpc", inputs["vpcId"]),
        TagSpecifications=labelled("route-table", inputs),
    )
    return str(made["RouteTable"]["RouteTableId"])


@makes("aws:ec2/routeTableAssociation:RouteTableAssociation")
def association(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").associate_route_table(
        SubnetId=account.id("aws:ec2/subnet:Subnet", inputs["subnetId"]),
        RouteTableId=account.id("aws:ec2/routeTable:RouteTable", inputs["routeTableId"]),
    )


@makes("aws:ec2/defaultRouteTable:DefaultRouteTable")
def default_route_table(account: Account, name: str, inputs: Inputs) -> None:
    """It is there, and leads nowhere: there is nothing to remove."""


@makes("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
def default_group(account: Account, name: str, inputs: Inputs) -> None:
    ec2 = account.client("ec2")
    filters = [
        {"Name": "vpc-id", "Values": [account.id("aws:ec2/vpc:Vpc", inputs["vpcId"])]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    _close(ec2, group)


def _close(ec2: Any, group: dict[str, Any]) -> None:
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]
        )
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"]
        )


GROUP = "aws:ec2/securityGroup:SecurityGroup"


@makes(GROUP)
def group(account: Account, name: str, inputs: Inputs) -> str:
    """Closed both ways: the provider, too, removes the rule that lets everything out."""
    ec2 = account.client("ec2")
    id_ = ec2.create_security_group(
        GroupName=inputs["name"],
        Description=inputs["description"],
        VpcId=account.id("aws:ec2/vpc:Vpc", inputs["vpcId"]),
        TagSpecifications=labelled("security-group", inputs),
    )["GroupId"]
    _close(ec2, ec2.describe_security_groups(GroupIds=[id_])["SecurityGroups"][0])
    return str(id_)


def _permission(account: Account, inputs: Inputs) -> dict[str, Any]:
    peer: dict[str, Any] = (
        {"IpRanges": [{"CidrIp": inputs["cidrIpv4"]}]}
        if "cidrIpv4" in inputs
        else {
            "UserIdGroupPairs": [
                {"GroupId": account.id(GROUP, inputs["referencedSecurityGroupId"])}
            ]
        }
    )
    return {
        "IpProtocol": inputs["ipProtocol"],
        "FromPort": inputs["fromPort"],
        "ToPort": inputs["toPort"],
        **peer,
    }


@makes("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
def ingress(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").authorize_security_group_ingress(
        GroupId=account.id(GROUP, inputs["securityGroupId"]),
        IpPermissions=[_permission(account, inputs)],
    )


@makes("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
def egress(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").authorize_security_group_egress(
        GroupId=account.id(GROUP, inputs["securityGroupId"]),
        IpPermissions=[_permission(account, inputs)],
    )


@makes("aws:ec2/vpcEndpoint:VpcEndpoint")
def endpoint(account: Account, name: str, inputs: Inputs) -> None:
    gateway = inputs["vpcEndpointType"] == "Gateway"
    tables = [
        account.id("aws:ec2/routeTable:RouteTable", one) for one in inputs.get("routeTableIds", [])
    ]
    subnets = [account.id("aws:ec2/subnet:Subnet", one) for one in inputs.get("subnetIds", [])]
    groups = [account.id(GROUP, one) for one in inputs.get("securityGroupIds", [])]
    where: Inputs = (
        {"RouteTableIds": tables}
        if gateway
        else {"SubnetIds": subnets, "SecurityGroupIds": groups, "PrivateDnsEnabled": True}
    )
    account.client("ec2").create_vpc_endpoint(
        VpcId=account.id("aws:ec2/vpc:Vpc", inputs["vpcId"]),
        VpcEndpointType=inputs["vpcEndpointType"],
        ServiceName=inputs["serviceName"],
        PolicyDocument=inputs["policy"],
        TagSpecifications=labelled("vpc-endpoint", inputs),
        **where,
    )


@makes("aws:cloudwatch/logGroup:LogGroup")
def log_group(account: Account, name: str, inputs: Inputs) -> None:
    logs = account.client("logs")
    logs.create_log_group(
        logGroupName=inputs["name"], kmsKeyId=inputs["kmsKeyId"], tags=inputs["tags"]
    )
    logs.put_retention_policy(
        logGroupName=inputs["name"], retentionInDays=inputs["retentionInDays"]
    )
    (made,) = logs.describe_log_groups(logGroupNamePrefix=inputs["name"])["logGroups"]
    account.arns[f"arn:aws:logs:eu-central-1:123456789012:{name}"] = made["arn"].removesuffix(":*")


@makes("aws:ec2/flowLog:FlowLog")
def flow_log(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").create_flow_logs(
        ResourceIds=[account.id("aws:ec2/vpc:Vpc", inputs["vpcId"])],
        ResourceType="VPC",
        TrafficType=inputs["trafficType"],
        LogDestinationType=inputs["logDestinationType"],
        LogGroupName=inputs["tags"]["Name"],
        DeliverLogsPermissionArn=inputs["iamRoleArn"],
        MaxAggregationInterval=inputs["maxAggregationInterval"],
    )


@makes("aws:iam/role:Role")
def role(account: Account, name: str, inputs: Inputs) -> str:
    account.client("iam").create_role(
        RoleName=inputs["name"],
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Description=inputs["description"],
        Tags=tags(inputs),
    )
    return str(inputs["name"])


@makes("aws:iam/rolePolicy:RolePolicy")
def role_policy(account: Account, name: str, inputs: Inputs) -> None:
    account.client("iam").put_role_policy(
        RoleName=account.id("aws:iam/role:Role", inputs["role"]),
        PolicyName=name,
        PolicyDocument=inputs["policy"],
    )


@makes("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
def attachment(account: Account, name: str, inputs: Inputs) -> None:
    """AWS has these policies; moto knows the older ones of them only, so each is made there."""
    iam = account.client("iam")
    path, _, called = inputs["policyArn"].partition(":policy")[2].rpartition("/")
    harmless = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    try:
        iam.attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    except iam.exceptions.NoSuchEntityException:
        made = iam.create_policy(
            PolicyName=called,
            Path=f"{path}/",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [harmless]}),
        )
        iam.attach_role_policy(RoleName=inputs["role"], PolicyArn=made["Policy"]["Arn"])


@makes("aws:iam/instanceProfile:InstanceProfile")
def instance_profile(account: Account, name: str, inputs: Inputs) -> None:
    iam = account.client("iam")
    iam.create_instance_profile(InstanceProfileName=inputs["name"])
    iam.add_role_to_instance_profile(InstanceProfileName=inputs["name"], RoleName=inputs["role"])


BUCKET = "aws:s3/bucket:Bucket"


@makes(BUCKET)
def bucket(account: Account, name: str, inputs: Inputs) -> str:
    s3 = account.client("s3")
    s3.create_bucket(
        Bucket=inputs["bucket"],
        ObjectLockEnabledForBucket=inputs["objectLockEnabled"],
        CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},
    )
    s3.put_bucket_tagging(Bucket=inputs["bucket"], Tagging={"TagSet": tags(inputs)})
    return str(inputs["bucket"])


@makes("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
def public_access(account: Account, name: str, inputs: Inputs) -> None:
    account.client("s3").put_public_access_block(
        Bucket=account.id(BUCKET, inputs["bucket"]),
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": inputs["blockPublicAcls"],
            "BlockPublicPolicy": inputs["blockPublicPolicy"],
            "IgnorePublicAcls": inputs["ignorePublicAcls"],
            "RestrictPublicBuckets": inputs["restrictPublicBuckets"],
        },
    )


@makes("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
def ownership(account: Account, name: str, inputs: Inputs) -> None:
    account.client("s3").put_bucket_ownership_controls(
        Bucket=account.id(BUCKET, inputs["bucket"]),
        OwnershipControls={"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]},
    )


@makes("aws:s3/bucketVersioning:BucketVersioning")
def versioning(account: Account, name: str, inputs: Inputs) -> None:
    account.client("s3").put_bucket_versioning(
        Bucket=account.id(BUCKET, inputs["bucket"]),
        VersioningConfiguration={"Status": inputs["versioningConfiguration"]["status"]},
    )


@makes("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
def bucket_encryption(account: Account, name: str, inputs: Inputs) -> None:
    (rule,) = inputs["rules"]
    default = rule["applyServerSideEncryptionByDefault"]
    account.client("s3").put_bucket_encryption(
        Bucket=account.id(BUCKET, inputs["bucket"]),
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": default["sseAlgorithm"],
                        "KMSMasterKeyID": default["kmsMasterKeyId"],
                    },
                    "BucketKeyEnabled": rule["bucketKeyEnabled"],
                }
            ]
        },
    )


@makes("aws:s3/bucketPolicy:BucketPolicy")
def bucket_policy(account: Account, name: str, inputs: Inputs) -> None:
    account.client("s3").put_bucket_policy(
        Bucket=account.id(BUCKET, inputs["bucket"]), Policy=inputs["policy"]
    )


@makes("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
def lifecycle(account: Account, name: str, inputs: Inputs) -> None:
    rules = [
        {
            "ID": rule["id"],
            "Status": rule["status"],
            "Filter": {"Prefix": rule["filter"]["prefix"]},
            **(
                {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": unfinished}}
                if (
                    unfinished := (rule.get("abortIncompleteMultipartUpload") or {}).get(
                        "daysAfterInitiation"
                    )
                )
                else {
                    "NoncurrentVersionExpiration": {
                        "NoncurrentDays": rule["noncurrentVersionExpiration"]["noncurrentDays"]
                    }
                }
            ),
        }
        for rule in inputs["rules"]
    ]
    account.client("s3").put_bucket_lifecycle_configuration(
        Bucket=account.id(BUCKET, inputs["bucket"]), LifecycleConfiguration={"Rules": rules}
    )


@makes("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
def object_lock(account: Account, name: str, inputs: Inputs) -> None:
    retention = inputs["rule"]["defaultRetention"]
    account.client("s3").put_object_lock_configuration(
        Bucket=account.id(BUCKET, inputs["bucket"]),
        ObjectLockConfiguration={
            "ObjectLockEnabled": inputs["objectLockEnabled"],
            "Rule": {"DefaultRetention": {"Mode": retention["mode"], "Days": retention["days"]}},
        },
    )


@makes("aws:cloudtrail/trail:Trail")
def trail(account: Account, name: str, inputs: Inputs) -> None:
    cloudtrail = account.client("cloudtrail")
    cloudtrail.create_trail(
        Name=inputs["name"],
        S3BucketName=account.id(BUCKET, inputs["s3BucketName"]),
        KmsKeyId=inputs["kmsKeyId"],
        IsMultiRegionTrail=inputs["isMultiRegionTrail"],
        IncludeGlobalServiceEvents=inputs["includeGlobalServiceEvents"],
        EnableLogFileValidation=inputs["enableLogFileValidation"],
        CloudWatchLogsLogGroupArn=inputs["cloudWatchLogsGroupArn"],
        CloudWatchLogsRoleArn=inputs["cloudWatchLogsRoleArn"],
        TagsList=tags(inputs),
    )
    cloudtrail.put_event_selectors(
        TrailName=inputs["name"],
        AdvancedEventSelectors=[
            {
                "Name": one["name"],
                "FieldSelectors": [
                    {
                        "Field": field["field"],
                        **({"Equals": field["equals"]} if field.get("equals") else {}),
                        **(
                            {"StartsWith": field["startsWiths"]} if field.get("startsWiths") else {}
                        ),
                    }
                    for field in one["fieldSelectors"]
                ],
            }
            for one in inputs["advancedEventSelectors"]
        ],
    )
    if inputs["enableLogging"]:
        cloudtrail.start_logging(Name=inputs["name"])


@makes("aws:guardduty/detector:Detector")
def detector(account: Account, name: str, inputs: Inputs) -> None:
    account.client("guardduty").create_detector(
        Enable=inputs["enable"], FindingPublishingFrequency=inputs["findingPublishingFrequency"]
    )


@makes("aws:budgets/budget:Budget")
def budget(account: Account, name: str, inputs: Inputs) -> None:
    account.client("budgets").create_budget(
        AccountId="123456789012",
        Budget={
            "BudgetName": inputs["name"],
            "BudgetType": inputs["budgetType"],
            "TimeUnit": inputs["timeUnit"],
            "BudgetLimit": {"Amount": inputs["limitAmount"], "Unit": inputs["limitUnit"]},
        },
    )


@makes("aws:ebs/encryptionByDefault:EncryptionByDefault")
def volumes_encrypted(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").enable_ebs_encryption_by_default()


@makes("aws:ecr/repository:Repository")
def repository(account: Account, name: str, inputs: Inputs) -> None:
    (encryption,) = inputs["encryptionConfigurations"]
    account.client("ecr").create_repository(
        repositoryName=inputs["name"],
        imageTagMutability=inputs["imageTagMutability"],
        imageScanningConfiguration={
            "scanOnPush": inputs["imageScanningConfiguration"]["scanOnPush"]
        },
        encryptionConfiguration={
            "encryptionType": encryption["encryptionType"],
            "kmsKey": encryption["kmsKey"],
        },
        tags=tags(inputs),
    )


@makes("aws:rds/subnetGroup:SubnetGroup")
def database_subnets(account: Account, name: str, inputs: Inputs) -> None:
    account.client("rds").create_db_subnet_group(
        DBSubnetGroupName=inputs["name"],
        DBSubnetGroupDescription=inputs["description"],
        SubnetIds=[account.id("aws:ec2/subnet:Subnet", one) for one in inputs["subnetIds"]],
    )


@makes("aws:rds/parameterGroup:ParameterGroup")
def database_parameters(account: Account, name: str, inputs: Inputs) -> None:
    rds = account.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=inputs["name"],
        DBParameterGroupFamily=inputs["family"],
        Description=inputs["description"],
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=inputs["name"],
        Parameters=[
            {
                "ParameterName": one["name"],
                "ParameterValue": one["value"],
                "ApplyMethod": one["applyMethod"],
            }
            for one in inputs["parameters"]
        ],
    )


@makes("aws:rds/instance:Instance")
def database(account: Account, name: str, inputs: Inputs) -> None:
    account.client("rds").create_db_instance(
        DBInstanceIdentifier=inputs["identifier"],
        Engine=inputs["engine"],
        EngineVersion=inputs["engineVersion"],
        DBInstanceClass=inputs["instanceClass"],
        AllocatedStorage=inputs["allocatedStorage"],
        MaxAllocatedStorage=inputs["maxAllocatedStorage"],
        StorageType=inputs["storageType"],
        StorageEncrypted=inputs["storageEncrypted"],
        KmsKeyId=inputs["kmsKeyId"],
        MasterUsername=inputs["username"],
        ManageMasterUserPassword=inputs["manageMasterUserPassword"],
        MasterUserSecretKmsKeyId=inputs["masterUserSecretKmsKeyId"],
        EnableIAMDatabaseAuthentication=inputs["iamDatabaseAuthenticationEnabled"],
        DBSubnetGroupName=inputs["dbSubnetGroupName"],
        DBParameterGroupName=inputs["parameterGroupName"],
        VpcSecurityGroupIds=[account.id(GROUP, one) for one in inputs["vpcSecurityGroupIds"]],
        PubliclyAccessible=inputs["publiclyAccessible"],
        MultiAZ=inputs["multiAz"],
        BackupRetentionPeriod=inputs["backupRetentionPeriod"],
        CopyTagsToSnapshot=inputs["copyTagsToSnapshot"],
        DeletionProtection=inputs["deletionProtection"],
        AutoMinorVersionUpgrade=inputs["autoMinorVersionUpgrade"],
        EnablePerformanceInsights=inputs["performanceInsightsEnabled"],
        PerformanceInsightsKMSKeyId=inputs["performanceInsightsKmsKeyId"],
        MonitoringInterval=inputs["monitoringInterval"],
        MonitoringRoleArn=inputs["monitoringRoleArn"],
        EnableCloudwatchLogsExports=inputs["enabledCloudwatchLogsExports"],
        CACertificateIdentifier=inputs["caCertIdentifier"],
        Tags=tags(inputs),
    )


@makes("aws:ec2/keyPair:KeyPair")
def key_pair(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").import_key_pair(
        KeyName=inputs["keyName"], PublicKeyMaterial=inputs["publicKey"].encode()
    )


def _metadata(options: Inputs) -> Inputs:
    return {
        "HttpEndpoint": options["httpEndpoint"],
        "HttpTokens": options["httpTokens"],
        "HttpPutResponseHopLimit": options["httpPutResponseHopLimit"],
    }


@makes("aws:ec2/instance:Instance")
def instance(account: Account, name: str, inputs: Inputs) -> str:
    ec2 = account.client("ec2")
    disk = inputs["rootBlockDevice"]
    # moto knows a few of Amazon's images only.
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]
    made = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType=inputs["instanceType"],
        MinCount=1,
        MaxCount=1,
        SubnetId=account.id("aws:ec2/subnet:Subnet", inputs["subnetId"]),
        PrivateIpAddress=inputs["privateIp"],
        SecurityGroupIds=[account.id(GROUP, one) for one in inputs["vpcSecurityGroupIds"]],
        KeyName=inputs["keyName"],
        IamInstanceProfile={"Name": inputs["iamInstanceProfile"]},
        MetadataOptions=_metadata(inputs["metadataOptions"]),
        Monitoring={"Enabled": inputs["monitoring"]},
        DisableApiTermination=inputs["disableApiTermination"],
        BlockDeviceMappings=[
            {
                "DeviceName": image["RootDeviceName"],
                "Ebs": {
                    "VolumeSize": max(disk["volumeSize"], 30),
                    "VolumeType": disk["volumeType"],
                    "Encrypted": disk["encrypted"],
                    "KmsKeyId": disk["kmsKeyId"],
                    "DeleteOnTermination": disk["deleteOnTermination"],
                },
            }
        ],
        TagSpecifications=labelled("instance", inputs),
    )
    return str(made["Instances"][0]["InstanceId"])


@makes("aws:ec2/launchTemplate:LaunchTemplate")
def launch_template(account: Account, name: str, inputs: Inputs) -> str:
    (device,) = inputs["blockDeviceMappings"]
    disk = device["ebs"]
    made = account.client("ec2").create_launch_template(
        LaunchTemplateName=inputs["name"],
        LaunchTemplateData={
            "InstanceType": inputs["instanceType"],
            "MetadataOptions": _metadata(inputs["metadataOptions"]),
            "Monitoring": {"Enabled": inputs["monitoring"]["enabled"]},
            "BlockDeviceMappings": [
                {
                    "DeviceName": device["deviceName"],
                    "Ebs": {
                        "Encrypted": disk["encrypted"] == "true",
                        "KmsKeyId": disk["kmsKeyId"],
                        "VolumeSize": disk["volumeSize"],
                        "VolumeType": disk["volumeType"],
                    },
                }
            ],
        },
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


@makes("aws:eks/cluster:Cluster")
def cluster(account: Account, name: str, inputs: Inputs) -> None:
    network = inputs["vpcConfig"]
    encryption = inputs["encryptionConfig"]
    account.client("eks").create_cluster(
        name=inputs["name"],
        version=inputs["version"],
        roleArn=inputs["roleArn"],
        resourcesVpcConfig={
            "subnetIds": [account.id("aws:ec2/subnet:Subnet", one) for one in network["subnetIds"]],
            "securityGroupIds": [account.id(GROUP, one) for one in network["securityGroupIds"]],
            "endpointPrivateAccess": network["endpointPrivateAccess"],
            "endpointPublicAccess": network["endpointPublicAccess"],
        },
        logging={"clusterLogging": [{"types": inputs["enabledClusterLogTypes"], "enabled": True}]},
        encryptionConfig=[
            {
                "resources": encryption["resources"],
                "provider": {"keyArn": encryption["provider"]["keyArn"]},
            }
        ],
        tags=inputs["tags"],
    )


@makes("aws:eks/nodeGroup:NodeGroup")
def node_group(account: Account, name: str, inputs: Inputs) -> None:
    size = inputs["scalingConfig"]
    account.client("eks").create_nodegroup(
        clusterName=inputs["clusterName"],
        nodegroupName=inputs["nodeGroupName"],
        nodeRole=inputs["nodeRoleArn"],
        subnets=[account.id("aws:ec2/subnet:Subnet", one) for one in inputs["subnetIds"]],
        scalingConfig={
            "minSize": size["minSize"],
            "maxSize": size["maxSize"],
            "desiredSize": size["desiredSize"],
        },
        launchTemplate={
            "id": account.id(
                "aws:ec2/launchTemplate:LaunchTemplate", inputs["launchTemplate"]["id"]
            )
        },
        tags=inputs["tags"],
    )


@makes("aws:lb/loadBalancer:LoadBalancer")
def balancer(account: Account, name: str, inputs: Inputs) -> None:
    elb = account.client("elbv2")
    arn = elb.create_load_balancer(
        Name=inputs["name"],
        Type=inputs["loadBalancerType"],
        Scheme="internal" if inputs["internal"] else "internet-facing",
        Subnets=[account.id("aws:ec2/subnet:Subnet", one) for one in inputs["subnets"]],
        SecurityGroups=[account.id(GROUP, one) for one in inputs["securityGroups"]],
        Tags=tags(inputs),
    )["LoadBalancers"][0]["LoadBalancerArn"]
    protected = str(inputs["enableDeletionProtection"]).lower()
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[{"Key": "deletion_protection.enabled", "Value": protected}],
    )
    account.arns[
        f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/{name}"
    ] = arn


@makes("aws:lb/targetGroup:TargetGroup")
def targets(account: Account, name: str, inputs: Inputs) -> None:
    arn = account.client("elbv2").create_target_group(
        Name=inputs["name"],
        Protocol=inputs["protocol"],
        Port=inputs["port"],
        VpcId=account.id("aws:ec2/vpc:Vpc", inputs["vpcId"]),
        TargetType=inputs["targetType"],
        HealthCheckProtocol=inputs["healthCheck"]["protocol"],
        HealthCheckPath=inputs["healthCheck"]["path"],
    )["TargetGroups"][0]["TargetGroupArn"]
    account.arns[f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:{name}"] = arn


@makes("aws:lb/listener:Listener")
def listener(account: Account, name: str, inputs: Inputs) -> None:
    (action,) = inputs["defaultActions"]
    account.client("elbv2").create_listener(
        LoadBalancerArn=inputs["loadBalancerArn"],
        Protocol=inputs["protocol"],
        Port=inputs["port"],
        DefaultActions=[{"Type": action["type"], "TargetGroupArn": action["targetGroupArn"]}],
    )


@makes("aws:route53/zone:Zone")
def zone(account: Account, name: str, inputs: Inputs) -> None:
    (vpc_,) = inputs["vpcs"]
    account.client("route53").create_hosted_zone(
        Name=inputs["name"],
        CallerReference=name,
        VPC={
            "VPCId": account.id("aws:ec2/vpc:Vpc", vpc_["vpcId"]),
            "VPCRegion": vpc_["vpcRegion"],
        },
        HostedZoneConfig={"PrivateZone": True, "Comment": inputs["comment"]},
    )


def replay(account: Account, resources: list[dict[str, Any]]) -> Iterator[str]:
    """Makes them one after the other; tells the types that were left out."""
    for one in resources:
        maker = MAKERS.get(one["type"])
        if maker is None:
            yield one["type"]
            continue
        id_ = maker(account, one["name"], account.real(one["inputs"]))
        if id_ is not None:
            account.ids[one["type"], f"{one['name']}-id"] = id_


def put_controls(account: Account) -> list[str]:
    """Faults, made on purpose after everything was read back: a judge must find them."""
    s3 = account.client("s3")
    s3.create_bucket(
        Bucket="negative-control",
        CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},
    )
    key_ = account.client("kms").create_key(Description="negative control")
    return ["negative-control", str(key_["KeyMetadata"]["KeyId"])]


def foreign(account: Account) -> list[str]:
    """What every account of moto's has from the start: a default network, open as AWS's is."""
    ec2 = account.client("ec2")
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpcs = [str(one["VpcId"]) for one in ec2.describe_vpcs(Filters=default)["Vpcs"]]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": vpcs}])["Subnets"]
    return [*vpcs, *(str(one["SubnetId"]) for one in subnets)]


def main() -> None:
    """See the module."""
    plan = json.loads(sys.stdin.readline())
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    account = Account(endpoint, plan["region"])
    left_out = sorted(set(replay(account, plan["resources"])))
    report = {
        "endpoint": endpoint,
        "left_out": left_out,
        "reasons": NOT_IN_MOTO,
        "found": read_back.everything(account.client),
        "foreign": foreign(account),
    }
    report["controls"] = put_controls(account)
    print(json.dumps(report, default=str), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
