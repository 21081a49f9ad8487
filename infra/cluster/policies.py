"""What policies know of a lab, and how strictly they hold there: from its configuration."""

from __future__ import annotations

import difflib

from infra.auditor.told import Told
from infra.config import AwsLab, AwsSite, AzureLab, AzureSite, HybridLab
from infra.config.lab import Lab
from infra.errors import RuleUnknown
from policies.admission import Settings
from policies.registry import all_rules
from policies.rule import Level


def levels(lab: Lab) -> dict[str, Level]:
    """How strictly rules hold, where the lab's configuration says otherwise than the rules.

    Raises:
        RuleUnknown: it names a rule that does not exist.
    """
    for entry in lab.policies:
        if entry.rule not in all_rules():
            raise unknown(entry.rule)
    return {entry.rule: Level(entry.level) for entry in lab.policies}


def settings(lab: Lab) -> Settings:
    """What expressions of rules know of a lab, in its own cluster: of a lab across grounds in that
    of its primary part.
    """
    if isinstance(lab, AwsLab | AzureLab):
        return of_registry(lab.image_registry(lab.name))
    return of_registry(None if lab.registry is None else lab.registry.address)


def settings_of_stack(lab: Lab) -> Settings:
    """What the policy pack knows: it sees the clusters of all grounds at once, and not which is
    which.
    """
    found = list(settings(lab).registries)
    if isinstance(lab, HybridLab):
        found += [
            member.site.image_registry(lab.part(member))
            for member in lab.clouds
            if isinstance(member.site, AwsSite | AzureSite)
        ]
    return Settings(registries=tuple(found))


def told(lab: Lab, kubernetes_version: str, known: Settings | None = None) -> Told:
    """All that rules and their audit know of a cluster of a lab.

    Args:
        lab: its configuration.
        kubernetes_version: of the cluster.
        known: other settings, where it is not the primary part's cluster.

    Raises:
        RuleUnknown: see `levels`.
    """
    return Told(
        kubernetes_version=kubernetes_version,
        settings=settings(lab) if known is None else known,
        levels=levels(lab),
        interval_seconds=60 * lab.audit.minutes,
    )


def of_registry(address: str | None) -> Settings:
    """Images may come from there and from nowhere else; without one the lab side-loads them."""
    return Settings() if address is None else Settings(registries=(address,))


def unknown(name: str) -> RuleUnknown:
    """The error for a rule that does not exist, with what may have been meant."""
    near = difflib.get_close_matches(name, all_rules(), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return RuleUnknown(
        f"There is no rule {name!r}.{meant}", next_step="`./lab policies list` names them all."
    )
