"""The policy pack under the real CLI and engine, over programs that break rules."""

from __future__ import annotations

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
