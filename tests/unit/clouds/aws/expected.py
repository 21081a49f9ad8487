"""What resources of AWS must say of themselves, as tables that faults.py reads."""

from __future__ import annotations

from typing import Any

#: What gives a network a way to the internet, or a machine an address there.
WAYS_OUT = (
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/eip:Eip",
    "aws:ec2/vpnGateway:VpnGateway",
    "aws:ec2/carrierGateway:CarrierGateway",
)
#: What holds data: never deleted or replaced by a program.
DATA = (
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ec2/instance:Instance",
    "aws:ecr/repository:Repository",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
)
#: Where each store names the customer key that encrypts it: type -> paths into its inputs.
STORES: dict[str, tuple[str, ...]] = {
    "aws:cloudtrail/trail:Trail": ("kmsKeyId",),
    "aws:cloudwatch/logGroup:LogGroup": ("kmsKeyId",),
    "aws:ebs/defaultKmsKey:DefaultKmsKey": ("keyArn",),
    "aws:ec2/instance:Instance": ("rootBlockDevice.kmsKeyId",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("blockDeviceMappings.*.ebs.kmsKeyId",),
    "aws:ecr/repository:Repository": ("encryptionConfigurations.*.kmsKey",),
    "aws:eks/cluster:Cluster": ("encryptionConfig.provider.keyArn",),
    "aws:rds/instance:Instance": (
        "kmsKeyId",
        "masterUserSecretKmsKeyId",
        "performanceInsightsKmsKeyId",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "rules.*.applyServerSideEncryptionByDefault.kmsMasterKeyId",
    ),
}
#: Values that a type must have: type -> path -> value.
MUST_BE: dict[str, dict[str, Any]] = {
    "aws:accessanalyzer/analyzer:Analyzer": {"type": "ACCOUNT"},
    "aws:cloudtrail/trail:Trail": {
        "enableLogFileValidation": True,
        "enableLogging": True,
        "includeGlobalServiceEvents": True,
        "isMultiRegionTrail": True,
    },
    "aws:ebs/encryptionByDefault:EncryptionByDefault": {"enabled": True},
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": {"state": "block-all-sharing"},
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"ingress": [], "egress": []},
    "aws:ec2/flowLog:FlowLog": {"trafficType": "ALL"},
    "aws:ec2/instance:Instance": {
        "associatePublicIpAddress": False,
        "disableApiTermination": True,
        "metadataOptions.httpPutResponseHopLimit": 1,
        "metadataOptions.httpTokens": "required",
        "monitoring": True,
        "rootBlockDevice.encrypted": True,
    },
    "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": {
        "httpPutResponseHopLimit": 1,
        "httpTokens": "required",
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "blockDeviceMappings.*.ebs.encrypted": "true",
        "blockDeviceMappings.*.ebs.volumeType": "gp3",
        "keyName": None,
        "metadataOptions.httpPutResponseHopLimit": 1,
        "metadataOptions.httpTokens": "required",
        "monitoring.enabled": True,
        "networkInterfaces": None,
    },
    "aws:ec2/serialConsoleAccess:SerialConsoleAccess": {"enabled": False},
    "aws:ec2/subnet:Subnet": {"mapPublicIpOnLaunch": False},
    "aws:ecr/repository:Repository": {
        "encryptionConfigurations.*.encryptionType": "KMS",
        "forceDelete": False,
        "imageScanningConfiguration.scanOnPush": True,
        "imageTagMutability": "IMMUTABLE",
    },
    "aws:eks/cluster:Cluster": {
        "accessConfig.authenticationMode": "API",
        "accessConfig.bootstrapClusterCreatorAdminPermissions": False,
        "deletionProtection": True,
        "enabledClusterLogTypes": [
            "api",
            "audit",
            "authenticator",
            "controllerManager",
            "scheduler",
        ],
        "encryptionConfig.resources": ["secrets"],
        "vpcConfig.endpointPrivateAccess": True,
        "vpcConfig.endpointPublicAccess": False,
    },
    "aws:eks/nodeGroup:NodeGroup": {"remoteAccess": None},
    "aws:guardduty/detector:Detector": {"enable": True},
    "aws:guardduty/detectorFeature:DetectorFeature": {"status": "ENABLED"},
    "aws:kms/key:Key": {
        "bypassPolicyLockoutSafetyCheck": None,
        "deletionWindowInDays": 30,
        "enableKeyRotation": True,
    },
    "aws:lb/loadBalancer:LoadBalancer": {"enableDeletionProtection": True, "internal": True},
    "aws:rds/instance:Instance": {
        "copyTagsToSnapshot": True,
        "deleteAutomatedBackups": False,
        "deletionProtection": True,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "iamDatabaseAuthenticationEnabled": True,
        "manageMasterUserPassword": True,
        "multiAz": True,
        "password": None,
        "performanceInsightsEnabled": True,
        "publiclyAccessible": False,
        "skipFinalSnapshot": False,
        "storageEncrypted": True,
    },
    "aws:route53/resolverFirewallConfig:ResolverFirewallConfig": {"firewallFailOpen": "DISABLED"},
    "aws:s3/bucket:Bucket": {"acl": None, "forceDestroy": False},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
        "rule.objectOwnership": "BucketOwnerEnforced"
    },
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "rules.*.applyServerSideEncryptionByDefault.sseAlgorithm": "aws:kms"
    },
    "aws:s3/bucketVersioning:BucketVersioning": {"versioningConfiguration.status": "Enabled"},
    **{
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}": {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        }
        for kind in ("AccountPublicAccessBlock", "BucketPublicAccessBlock")
    },
}
#: Endpoints without which the cluster or Vault would need a way out.
ENDPOINTS = (
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "guardduty-data",
    "kms",
    "logs",
    "s3",
    "secretsmanager",
    "ssm",
    "ssmmessages",
    "sts",
)
