"""How strictly the policy pack holds for a lab, in Pulumi's own words."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from infra import paths
from infra.config.loading import AnyLab
from infra.errors import RuleUnknown
from policies.admission import Admission, Settings
from policies.registry import all_rules
from policies.rule import Level

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


def levels(lab: AnyLab) -> dict[str, Level]:
    """How strictly rules hold, where the lab's configuration says otherwise than the rules.

    Raises:
        RuleUnknown: it names a rule that does not exist.
    """
    for entry in lab.policies:
        if entry.rule not in all_rules():
            raise unknown(entry.rule)
    return {entry.rule: Level(entry.level) for entry in lab.policies}


def settings(lab: AnyLab) -> Settings:
    """What expressions of rules know of the lab."""
    return Settings() if lab.registry is None else Settings(registries=(lab.registry.address,))


def _configuration(lab: AnyLab) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        rule: {"enforcementLevel": level.value} for rule, level in levels(lab).items()
    }
    for rule in all_rules().values():
        if isinstance(rule.admission, Admission) and rule.admission.uses_settings:
            config = found.setdefault(rule.id, {"enforcementLevel": rule.level.value})
            config["registries"] = list(settings(lab).registries)
    return found


def unknown(name: str) -> RuleUnknown:
    """The error for a rule that does not exist, with what may have been meant."""
    near = difflib.get_close_matches(name, all_rules(), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return RuleUnknown(
        f"There is no rule {name!r}.{meant}", next_step="`./lab policies list` names them all."
    )
