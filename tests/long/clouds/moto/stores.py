"""Keys, buckets, logs, databases and registries made in moto. Runs in moto's environment."""

from __future__ import annotations

from tests.long.clouds.moto.account import (
    BUCKET,
    GROUP,
    SUBNET,
    Account,
    Inputs,
    makes,
    tags,
)


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
        SubnetIds=[account.id(SUBNET, one) for one in inputs["subnetIds"]],
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
