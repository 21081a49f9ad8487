"""How strictly the policy pack holds for a lab, in Pulumi's own words."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from infra import paths
from infra.config.loading import AnyLab
from infra.errors import RuleUnknown
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
    rules = all_rules()
    found: dict[str, dict[str, Any]] = {}
    for entry in lab.policies:
        if entry.rule not in rules:
            raise unknown(entry.rule)
        found[entry.rule] = {"enforcementLevel": entry.level}
    if lab.registry is not None:
        for rule in rules.values():
            if isinstance(rule.admission, Admission) and rule.admission.uses_settings:
                config = found.setdefault(rule.id, {"enforcementLevel": rule.level.value})
                config["registries"] = [lab.registry.address]
    return found


def unknown(name: str) -> RuleUnknown:
    """The error for a rule that does not exist, with what may have been meant."""
    near = difflib.get_close_matches(name, all_rules(), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return RuleUnknown(
        f"There is no rule {name!r}.{meant}", next_step="`./lab policies list` names them all."
    )
