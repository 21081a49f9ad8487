"""The AWS example made in an account of moto's, and what that account then says of itself."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.harness.deploy import Deployment

TLS13 = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"


@pytest.fixture
def found(account: dict[str, Any]) -> dict[str, Any]:
    subjects: dict[str, Any] = account["found"]
    return subjects


def test_everything_was_made_but_what_moto_cannot(
    account: dict[str, Any], declared: Deployment
) -> None:
    """Every type that is left out says why, and none says so without need."""
    used = {one.type for one in declared.resources if one.type.startswith("aws:")}
    assert set(account["left_out"]) == used & account["reasons"].keys()
    assert len(account["left_out"]) < len(used) / 2


def test_every_bucket_is_encrypted_versioned_and_closed(found: dict[str, Any]) -> None:
    own = {key["alias"]: key["arn"] for key in found["keys"]}
    assert len(found["buckets"]) == 3
    for name, bucket in found["buckets"].items():
        purpose = name.split("-")[1]
        assert bucket["encryption"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": own[f"alias/audits-{purpose}"],
        }
        assert bucket["versioning"] == "Enabled"
        assert set(bucket["public"].values()) == {True}
        assert bucket["ownership"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_evidence_and_trail_are_locked(found: dict[str, Any]) -> None:
    for purpose in ("evidence", "trail"):
        lock = found["buckets"][f"audits-{purpose}-123456789012"]["lock"]
        retention = lock["Rule"]["DefaultRetention"]
        assert (retention["Mode"], retention["Days"]) == ("COMPLIANCE", 3650)
    assert found["buckets"]["audits-artifacts-123456789012"]["lock"] is None


def refused(policy: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether a policy's denials hit a request, as IAM evaluates them.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """

    def holds(operator: str, key: str, value: str) -> bool:
        given = context.get(key)
        match operator:
            case "Bool":
                return given == value
            case "NumericLessThan":
                return given is not None and float(given) < float(value)
            case "StringNotEqualsIfExists":
                return given is None or given != value
        raise AssertionError(f"the policy has an operator that nothing here knows: {operator}")

    return any(
        all(
            holds(operator, key, value)
            for operator, conditions in one["Condition"].items()
            for key, value in conditions.items()
        )
        for one in policy["Statement"]
        if one["Effect"] == "Deny"
        and any(fnmatchcase(action, pattern) for pattern in one["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in one["Resource"])
    )


@pytest.mark.parametrize("purpose", ["artifacts", "evidence", "trail"])
def test_a_buckets_policy_refuses_what_it_must_and_no_more(
    found: dict[str, Any], purpose: str
) -> None:
    bucket = found["buckets"][f"audits-{purpose}-123456789012"]
    policy, key = bucket["policy"], bucket["encryption"]["KMSMasterKeyID"]
    here = f"arn:aws:s3:::audits-{purpose}-123456789012"
    there = f"{here}/object"
    own = {**TLS13, KEY: key}
    assert not refused(policy, "s3:GetObject", there, TLS13)
    assert not refused(policy, "s3:ListBucket", here, TLS13)
    assert not refused(policy, "s3:PutObject", there, own)
    assert refused(policy, "s3:PutObject", there, {**TLS13, KEY: "arn:aws:kms:::key/other"})
    for action, resource in (("s3:GetObject", there), ("s3:ListBucket", here)):
        assert refused(policy, action, resource, {**own, "aws:SecureTransport": "false"})
        assert refused(policy, action, resource, {**own, "s3:TlsVersion": "1.1"})


def test_every_key_rotates_and_lets_nobody_in_without_a_condition(found: dict[str, Any]) -> None:
    assert len(found["keys"]) == 9
    for key in found["keys"]:
        assert key["rotates"], key["alias"]
        for statement in key["policy"]["Statement"]:
            if "kms:Decrypt" in statement["Action"] and "autoscaling" not in str(statement):
                assert statement["Condition"], key["alias"]


def test_the_network_has_no_way_out_and_no_public_address(found: dict[str, Any]) -> None:
    network = found["network"]
    assert network["internet_gateways"] == network["nat_gateways"] == network["addresses"] == []
    for table in network["route_tables"]:
        for route in table["Routes"]:
            # Its own range, and S3 by a prefix list.
            assert route.get("GatewayId", "").startswith(("local", "vpce-")), route
    for subnet in network["subnets"]:
        assert not subnet["MapPublicIpOnLaunch"]
    assert [one for one in network["flow_logs"] if one["TrafficType"] == "ALL"]


def test_no_group_opens_anything_to_the_world(found: dict[str, Any]) -> None:
    for group in found["network"]["groups"]:
        for permission in [*group["IpPermissions"], *group["IpPermissionsEgress"]]:
            assert permission["IpProtocol"] != "-1", group["GroupName"]
            assert {"CidrIp": "0.0.0.0/0"} not in permission["IpRanges"], group["GroupName"]
            assert permission.get("Ipv6Ranges", []) == []


def test_endpoints_stand_for_the_ways_that_are_needed(found: dict[str, Any]) -> None:
    names = {one["ServiceName"].split("eu-central-1.")[1] for one in found["network"]["endpoints"]}
    assert {"s3", "ecr.api", "ecr.dkr", "sts", "kms", "logs", "eks", "secretsmanager"} <= names


def test_machines_are_private_encrypted_and_keep_pods_from_their_metadata(
    found: dict[str, Any],
) -> None:
    (volumes,) = (key["arn"] for key in found["keys"] if key["alias"] == "alias/audits-volumes")
    assert len(found["instances"]) == 3
    for machine in found["instances"]:
        assert "PublicIpAddress" not in machine
        for volume in machine["Volumes"]:
            assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, volumes)
    options = [one["MetadataOptions"] for one in (*found["instances"], *found["templates"])]
    for one in options:
        assert (one["HttpTokens"], one["HttpPutResponseHopLimit"]) == ("required", 1)
    for template in found["templates"]:
        (device,) = template["BlockDeviceMappings"]
        assert (device["Ebs"]["Encrypted"], device["Ebs"]["KmsKeyId"]) == (True, volumes)
    assert found["volumes_encrypted"]


def test_the_database_is_private_encrypted_and_protected(found: dict[str, Any]) -> None:
    (database,) = found["databases"]
    assert not database["PubliclyAccessible"]
    for key in ("StorageEncrypted", "DeletionProtection", "IAMDatabaseAuthenticationEnabled"):
        assert database[key], key
    assert database["BackupRetentionPeriod"] == 35
    assert database["MultiAZ"]
    assert any(key["arn"] == database["KmsKeyId"] for key in found["keys"])


def test_the_cluster_is_private_logged_and_encrypts_its_secrets(found: dict[str, Any]) -> None:
    (cluster,) = found["clusters"]
    network = cluster["resourcesVpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
    assert len(cluster["logging"]["clusterLogging"][0]["types"]) == 5
    assert cluster["encryptionConfig"][0]["resources"] == ["secrets"]


def test_the_trail_is_whole_signed_and_running(found: dict[str, Any]) -> None:
    (trail,) = found["trails"]
    for key in ("IsMultiRegionTrail", "LogFileValidationEnabled", "KmsKeyId", "logging"):
        assert trail[key], key
    assert [one["Name"] for one in trail["selectors"]] == ["Management", "Objects"]


def test_every_log_group_has_the_key_and_ends_after_a_year_or_later(found: dict[str, Any]) -> None:
    (logs,) = (key["arn"] for key in found["keys"] if key["alias"] == "alias/audits-logs")
    assert len(found["log_groups"]) == 6
    for group in found["log_groups"]:
        assert group["kmsKeyId"] == logs
        assert group["retentionInDays"] >= 365


def test_images_cannot_be_replaced_under_their_tag(found: dict[str, Any]) -> None:
    for repository in found["repositories"]:
        assert repository["imageTagMutability"] == "IMMUTABLE"
        assert repository["imageScanningConfiguration"]["scanOnPush"]
        assert repository["encryptionConfiguration"]["encryptionType"] == "KMS"


def test_no_role_of_the_lab_has_a_wildcard_action(found: dict[str, Any]) -> None:
    for name, role in found["roles"].items():
        for policy in role["policies"].values():
            for statement in policy["Statement"]:
                assert not any("*" in action for action in statement["Action"]), name
                assert "*" not in statement["Resource"], name


def test_the_balancer_is_internal(found: dict[str, Any]) -> None:
    assert [one["Scheme"] for one in found["balancers"]] == ["internal"]
