"""How strictly the pack holds, from a lab's configuration to the options of Pulumi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra import config, paths
from infra.config import LocalLab
from infra.engine import policies
from infra.errors import RuleUnknown

BECAUSE = "Our auditors look at this one by hand."


def lab(**changes: Any) -> LocalLab:
    made = config.load_local("local")
    return LocalLab.model_validate(made.model_dump() | changes)


def configured(lab_: LocalLab, folder: Path) -> dict[str, Any]:
    *_, file = policies.options(lab_, folder)
    found: dict[str, Any] = json.loads(Path(file).read_text())
    return found


def test_the_pack_of_this_checkout_is_used(tmp_path: Path) -> None:
    option, pack, *_ = policies.options(lab(), tmp_path)
    assert (option, pack) == ("--policy-pack", str(paths.REPOSITORY / "policies"))


def test_a_rule_is_as_strict_as_the_lab_says(tmp_path: Path) -> None:
    level = {"rule": "no-host-access", "level": "advisory", "because": BECAUSE}
    found = configured(lab(policies=[level]), tmp_path)
    assert found["no-host-access"] == {"enforcementLevel": "advisory"}
    assert "no-host-access" not in configured(lab(), tmp_path)


def test_images_may_come_from_the_labs_registry(tmp_path: Path) -> None:
    found = configured(lab(registry={"address": "registry.example.org/lab"}), tmp_path)
    assert found["image-registries-allowed"]["registries"] == ["registry.example.org/lab"]


@pytest.mark.parametrize(
    ("example", "last"),
    [
        ("aws-full", ".amazonaws.com/evaluations"),
        ("azure-full", ".azurecr.io"),
        ("hybrid-aws-onprem", ".amazonaws.com/audits-cloud"),
        ("hybrid-azure-onprem", ".azurecr.io"),
    ],
)
def test_images_of_a_cloud_come_from_the_registry_that_the_lab_makes_there(
    example: str, last: str, tmp_path: Path
) -> None:
    """Of a lab across grounds the pack sees every cluster, and each has its own registry."""
    known = config.load_file(paths.REPOSITORY / "examples" / "valid" / f"{example}.yaml")
    *_, file = policies.options(known, tmp_path)
    found = json.loads(Path(file).read_text())["image-registries-allowed"]["registries"]
    assert found[-1].endswith(last)
    assert found[:-1] == (["lab.local", "registry.k8s.io"] if "hybrid" in example else [])


def test_a_rule_that_does_not_exist_is_named(tmp_path: Path) -> None:
    level = {"rule": "no-hosts-access", "level": "disabled", "because": BECAUSE}
    with pytest.raises(RuleUnknown, match="Did you mean no-host-access"):
        policies.options(lab(policies=[level]), tmp_path)


@pytest.mark.parametrize(
    "entries",
    [
        [{"rule": "no-host-access", "level": "disabled"}],
        [{"rule": "no-host-access", "level": "off", "because": BECAUSE}],
        [{"rule": "no-host-access", "level": "disabled", "because": BECAUSE}] * 2,
    ],
)
def test_a_weaker_rule_needs_a_reason_and_one_level(entries: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        lab(policies=entries)
