"""What prowler says of the account that the AWS example makes: an outside judge of what is there.

It asks moto's account as it would ask AWS. Checks that moto has no answer for are not asked, and
neither are those of things that the lab does not have (docs/limitations.md).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.harness import judges

#: Checks that every resource of the lab must pass, and that must have something to look at.
CHECKS = (
    "cloudtrail_kms_encryption_enabled",
    "cloudtrail_log_file_validation_enabled",
    "cloudtrail_logs_s3_bucket_is_not_publicly_accessible",
    "cloudtrail_multi_region_enabled",
    "cloudtrail_s3_dataevents_read_enabled",
    "cloudtrail_s3_dataevents_write_enabled",
    "cloudwatch_log_group_kms_encryption_enabled",
    "cloudwatch_log_group_retention_policy_specific_days_enabled",
    "ec2_instance_imdsv2_enabled",
    "ec2_instance_public_ip",
    "ec2_launch_template_imdsv2_required",
    "ec2_launch_template_no_public_ip",
    "ecr_repositories_scan_images_on_push_enabled",
    "ecr_repositories_tag_immutability",
    "eks_cluster_kms_cmk_encryption_in_secrets_enabled",
    "eks_cluster_not_publicly_accessible",
    "eks_control_plane_logging_all_types_enabled",
    "elbv2_deletion_protection",
    "elbv2_internet_facing",
    "kms_cmk_rotation_enabled",
    "kms_key_not_publicly_accessible",
    "rds_instance_backup_enabled",
    "rds_instance_deletion_protection",
    "rds_instance_iam_authentication_enabled",
    "rds_instance_no_public_access",
    "rds_instance_storage_encrypted",
    "rds_instance_transport_encrypted",
    "s3_bucket_acl_prohibited",
    "s3_bucket_kms_encryption",
    "s3_bucket_level_public_access_block",
    "s3_bucket_object_versioning",
    "s3_bucket_public_access",
    "s3_bucket_secure_transport_policy",
    "vpc_flow_logs_enabled",
    "vpc_subnet_no_public_ip_by_default",
)
#: Checks that must fail for what was put into the account on purpose (moto/replay.py).
FOUND_IN_CONTROLS = {
    "kms_cmk_rotation_enabled",
    "s3_bucket_kms_encryption",
    "s3_bucket_level_public_access_block",
    "s3_bucket_object_versioning",
    "s3_bucket_secure_transport_policy",
}


@pytest.fixture(scope="module")
def verdicts(account: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Check -> verdict -> resources."""
    folder = tmp_path_factory.mktemp("prowler")
    prowler = judges.environment("prowler")
    # Run as a module: what pip installs as a script has the path of another folder in it.
    command = [str(prowler / "python"), str(prowler / "prowler"), "aws", "--no-banner"]
    command += ["--region", "eu-central-1", "--ignore-exit-code-3", "-M", "json-ocsf"]
    command += ["-o", str(folder), "-F", "verdicts", "--checks", *CHECKS]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": account["endpoint"],
            "AWS_SECRET_ACCESS_KEY": "test",
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
        },
    )
    file = Path(folder) / "verdicts.ocsf.json"
    assert file.is_file(), done.stdout + done.stderr
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in json.loads(file.read_text()):
        name = one["resources"][0]["uid"]
        found[one["metadata"]["event_code"]][one["status_code"]].add(name)
    return found


def _is_control(name: str, account: dict[str, Any]) -> bool:
    return any(control in name for control in account["controls"])


@pytest.mark.parametrize("check", CHECKS)
def test_everything_of_the_lab_passes(
    verdicts: dict[str, dict[str, set[str]]], account: dict[str, Any], check: str
) -> None:
    here = account["foreign"]
    failed = {
        name
        for name in verdicts[check]["FAIL"]
        if not _is_control(name, account) and not any(one in name for one in here)
    }
    assert not failed
    assert verdicts[check]["PASS"], "it looked at nothing"


@pytest.mark.parametrize("check", sorted(FOUND_IN_CONTROLS))
def test_what_was_put_in_on_purpose_is_found(
    verdicts: dict[str, dict[str, set[str]]], account: dict[str, Any], check: str
) -> None:
    assert any(_is_control(name, account) for name in verdicts[check]["FAIL"])
