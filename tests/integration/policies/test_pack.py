"""The policy pack under the real CLI and engine, over programs that break rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import paths, toolchain
from tests.harness.pulumi_project import Project, Result

PACK = ("--policy-pack", str(paths.REPOSITORY / "policies"))
HEAD = """
import pulumi, pulumi_aws as aws
provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["111122223333"])
on_aws = pulumi.ResourceOptions(provider=provider)
tags = {"ai-lab.eu/lab": "x", "ai-lab.eu/classification": "internal", "owner": "me@example.org",
        "cost-center": "1", "managed-by": "pulumi"}
key = aws.kms.Key("k", enable_key_rotation=True, tags=tags, opts=on_aws)

async def later(value):
    return value

#: As an output of what was not made yet.
unknown = pulumi.Output(later(set()), later(None), later(False))
aws.ebs.Volume("disk", availability_zone="eu-west-1a", size=1, kms_key_id=key.arn, tags=tags,
               opts=on_aws, encrypted="""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "pack"
    folder.mkdir()
    return Project(folder, pulumi=toolchain.binary("pulumi"), variables={})


def preview(project: Project, encrypted: str, *options: str, ok: bool = True) -> Result:
    project.program(f"{HEAD}{encrypted})")
    return project.run("preview", *PACK, *options, ok=ok, streams=True)


def test_what_keeps_the_rules_is_previewed(project: Project) -> None:
    assert "aws-volumes-encrypted" not in preview(project, "True", ok=False).text


def test_what_breaks_a_rule_is_refused_by_its_name(project: Project) -> None:
    done = preview(project, "False", ok=False)
    assert done.status != 0
    assert "aws-volumes-encrypted" in done.text
    assert "encrypted is false and must be true" in done.text


def test_an_advisory_level_lets_it_pass_and_says_so(project: Project) -> None:
    config = project.folder / "policies.json"
    config.write_text('{"all": "advisory"}')
    done = preview(project, "False", "--policy-pack-config", str(config))
    assert "encrypted is false and must be true" in done.text


def test_a_disabled_rule_says_nothing(project: Project) -> None:
    config = project.folder / "policies.json"
    config.write_text('{"all": "disabled"}')
    assert "encrypted" not in preview(project, "False", "--policy-pack-config", str(config)).text


def test_what_is_not_known_yet_is_undecided_and_never_passed(project: Project) -> None:
    text = preview(project, "unknown", ok=False).text
    assert "aws-volumes-encrypted" in text
    assert "Undecided: encrypted is not known before deployment" in text


KEY = """
aws.kms.Key("turns", enable_key_rotation=False, rotation_period_in_days=365,
            deletion_window_in_days=7, tags=tags, opts=on_aws)
"""
RULE = "aws-keys-rotate"


def alone(project: Project, level: str) -> tuple[str, ...]:
    """The pack with one rule at a level, and no other in force."""
    config = project.folder / "policies.json"
    config.write_text(json.dumps({"all": "disabled", RULE: {"enforcementLevel": level}}))
    return *PACK, "--policy-pack-config", str(config)


def test_what_is_safe_is_corrected_and_said(project: Project) -> None:
    """Deployed it is in test_pack_kubernetes.py: what stands in for a cloud makes nothing."""
    project.program(f"{HEAD}True){KEY}")
    told = project.run("preview", *alone(project, "remediate"), streams=True)
    # By the rule and by the resource; `k` lacks two of the three numbers.
    assert f"[remediate]  {RULE}  (2 resources)" in told.text
    planned = project.run("preview", "--json", *alone(project, "remediate")).json()["steps"]
    states = {step["urn"].split("::")[-1]: step["newState"] for step in planned}
    inputs = states["turns"]["inputs"]
    assert inputs["enableKeyRotation"] is True
    assert inputs["deletionWindowInDays"] == 30
    assert inputs["rotationPeriodInDays"] == 365
    assert inputs["tags"]["owner"] == "me@example.org"


def test_the_same_is_refused_where_the_rule_is_mandatory(project: Project) -> None:
    """Seeded: it is the level, and nothing else, that corrects."""
    project.program(f"{HEAD}True){KEY}")
    done = project.run("up", "--yes", *alone(project, "mandatory"), ok=False, streams=True)
    assert done.status != 0
    assert "enableKeyRotation is false and must be true" in done.text
    assert "turns" not in project.export()


def test_what_cannot_be_corrected_safely_is_refused_at_that_level(project: Project) -> None:
    project.program(f"{HEAD}False)")
    config = project.folder / "policies.json"
    config.write_text('{"all": "remediate"}')
    done = project.run("preview", *PACK, "--policy-pack-config", str(config), ok=False)
    assert done.status != 0
    assert "encrypted is false and must be true" in done.text
