"""Roles, machines and clusters made in moto. Runs in moto's environment."""

from __future__ import annotations

import json

from tests.long.clouds.moto.account import (
    GROUP,
    SUBNET,
    Account,
    Inputs,
    labelled,
    makes,
    tags,
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
        SubnetId=account.id(SUBNET, inputs["subnetId"]),
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
            "subnetIds": [account.id(SUBNET, one) for one in network["subnetIds"]],
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
        subnets=[account.id(SUBNET, one) for one in inputs["subnetIds"]],
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


@makes("aws:ebs/encryptionByDefault:EncryptionByDefault")
def volumes_encrypted(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").enable_ebs_encryption_by_default()
