"""What checkov says of the AWS examples: an outside judge of what is declared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import aws_lab
from tests.long.clouds import terraform, verdicts

#: What checkov finds and we keep.
ACCEPTED: verdicts.Accepted = {
    "CKV2_AWS_3": ("detector", "wants an organisation's setting; the lab is one account's region"),
    "CKV2_AWS_30": (
        "database",
        "wants every statement logged: that writes confidential values into logs; pgaudit "
        "records roles and definitions instead",
    ),
    "CKV2_AWS_62": ("", "nothing waits for events of buckets; the trail records each access"),
    "CKV_AWS_18": ("", "its target cannot have a customer key; the trail records each access"),
    "CKV_AWS_91": ("vault", "a balancer that passes TLS on has no such log; flow logs have it"),
    "CKV_AWS_144": ("", "a copy in another region leaves the region that was chosen"),
    "CKV_AWS_252": ("trail", "nothing waits for deliveries; the live copy is in CloudWatch Logs"),
    "CKV_AWS_277": ("vault-ping-0", "ICMP from the group itself: the rule names no range"),
    "CKV_AWS_382": ("vault-ping-0", "ICMP to the group itself: the rule names no range"),
}


def judged(plan: dict[str, Any], folder: Path) -> verdicts.Verdicts:
    return verdicts.judge(plan, folder, framework="terraform_json", file="main.tf.json")


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        return terraform.render(aws_lab.deploy_aws(patch, aws_lab.load(aws_lab.FULL)))


def test_checkov_finds_nothing_that_is_not_known_with_its_reason(
    plan: dict[str, Any], tmp_path: Path
) -> None:
    found = judged(plan, tmp_path)
    assert found.besides(ACCEPTED) == set()
    assert len(found.passed) > 300
    assert {check for check, _ in found.failed} == ACCEPTED.keys(), "a reason is no longer needed"


def _change(kind: str, name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plan: plan["resource"][kind][f"evaluations-{name}"].update(values)


def _drop(kind: str, name: str) -> Callable[[dict[str, Any]], None]:
    return lambda plan: plan["resource"][kind].pop(f"evaluations-{name}")


#: Faults that checkov must find when they are put in, all at once: checks that it then fails.
FAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "CKV_AWS_7": _change("aws_kms_key", "key-logs", enable_key_rotation=False),
    "CKV_AWS_16": _change("aws_db_instance", "database", storage_encrypted=False),
    "CKV_AWS_17": _change("aws_db_instance", "database", publicly_accessible=True),
    "CKV_AWS_35": _change("aws_cloudtrail", "trail", kms_key_id=None),
    "CKV_AWS_39": lambda plan: plan["resource"]["aws_eks_cluster"]["evaluations-cluster"][
        "vpc_config"
    ][0].update(endpoint_public_access=True),
    "CKV_AWS_51": _change("aws_ecr_repository", "platform", image_tag_mutability="MUTABLE"),
    "CKV_AWS_79": lambda plan: plan["resource"]["aws_instance"]["evaluations-vault-1"][
        "metadata_options"
    ][0].update(http_tokens="optional"),
    "CKV_AWS_158": _change("aws_cloudwatch_log_group", "flows", kms_key_id=None),
    "CKV2_AWS_6": _drop("aws_s3_bucket_public_access_block", "evidence"),
    "CKV_AWS_21": _drop("aws_s3_bucket_versioning", "evidence"),
}


def test_checkov_finds_faults_that_are_put_in(plan: dict[str, Any], tmp_path: Path) -> None:
    changed = json.loads(json.dumps(plan))
    for change in FAULTS.values():
        change(changed)
    assert FAULTS.keys() <= {check for check, _ in judged(changed, tmp_path).failed}
