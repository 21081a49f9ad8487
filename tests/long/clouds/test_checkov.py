"""What checkov says of the AWS examples: an outside judge of what is declared."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import aws_lab, judges
from tests.long.clouds import terraform

#: What checkov finds and we keep: check -> end of the resource's name ("" for all), reason.
ACCEPTED: dict[str, tuple[str, str]] = {
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


def findings(plan: dict[str, Any], folder: Path) -> tuple[set[tuple[str, str]], int]:
    """What fails as (check, resource), and how many checks passed."""
    (folder / "main.tf.json").write_text(json.dumps(plan))
    command = [str(judges.environment("checkov") / "checkov"), "-d", str(folder)]
    command += ["--framework", "terraform_json", "-o", "json", "--quiet", "--skip-download"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        # It asks for its own newest version otherwise.
        env={**os.environ, "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false", "HOME": str(folder)},
    )
    assert done.stdout.strip(), done.stderr
    answer = json.loads(done.stdout)
    assert answer["summary"]["parsing_errors"] == 0
    failed = answer["results"]["failed_checks"]
    return {(one["check_id"], one["resource"]) for one in failed}, answer["summary"]["passed"]


def accepted(check: str, resource: str) -> bool:
    return check in ACCEPTED and resource.endswith(ACCEPTED[check][0])


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        return terraform.render(aws_lab.deploy_aws(patch, aws_lab.load(aws_lab.FULL)))


def test_checkov_finds_nothing_that_is_not_known_with_its_reason(
    plan: dict[str, Any], tmp_path: Path
) -> None:
    failed, passed = findings(plan, tmp_path)
    assert {one for one in failed if not accepted(*one)} == set()
    assert passed > 300
    assert {check for check, _ in failed} == ACCEPTED.keys(), "a reason is no longer needed"


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
    failed, _ = findings(changed, tmp_path)
    assert FAULTS.keys() <= {check for check, _ in failed}
