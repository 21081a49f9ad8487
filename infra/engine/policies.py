"""How strictly the policy pack holds for a lab, in Pulumi's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra import paths
from infra.cluster.policies import levels, settings_of_stack
from infra.config.loading import AnyLab
from policies.admission import Admission
from policies.registry import all_rules

PACK = paths.REPOSITORY / "policies"


def options(lab: AnyLab, folder: Path) -> list[str]:
    """Options of `pulumi preview` and `pulumi up` that put the pack in force.

    Args:
        lab: whose configuration may make rules stricter or weaker.
        folder: where the pack's configuration is written.

    Raises:
        RuleUnknown: the lab's configuration names a rule that does not exist.
    """
    file = folder / "policies.json"
    file.write_text(json.dumps(_configuration(lab), indent=1))
    return ["--policy-pack", str(PACK), "--policy-pack-config", str(file)]


def _configuration(lab: AnyLab) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        rule: {"enforcementLevel": level.value} for rule, level in levels(lab).items()
    }
    for rule in all_rules().values():
        if isinstance(rule.admission, Admission) and rule.admission.uses_settings:
            config = found.setdefault(rule.id, {"enforcementLevel": rule.level.value})
            config["registries"] = list(settings_of_stack(lab).registries)
    return found
