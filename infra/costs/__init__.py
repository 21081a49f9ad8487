"""What a lab costs in a month: what a preview would make, by the repository's price tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import config, preview
from infra.config import AnyLab, AwsSite, AzureSite
from infra.costs import tables
from infra.costs.estimate import Estimate, estimate
from infra.costs.usage import Planned
from infra.preview import Show

__all__ = ["Estimate", "Planned", "estimate", "of", "regions"]


def of(target: str | Path, show: Show, *, own: Sequence[Path] = ()) -> Estimate:
    """The estimate for what a stack's program declares, by a preview of it that asks no account.

    `target` is the name of a stack, or a configuration file that may lie anywhere; `own` are
    price tables that come before those of the repository.

    Raises:
        PriceTableInvalid: a table cannot be read.
        LabError: the preview fails; see `infra.preview`.
    """
    known = tables.load(own=own)
    if isinstance(target, Path):
        lab, plan = config.load_file(target), preview.of_file(target, show, offline=True)
    else:
        lab, plan = config.load(target), preview.of_stack(target, show, offline=True)
    planned = [
        Planned(one.type, one.name, one.inputs, one.id)
        for one in plan.resources
        if one.custom and one.operation != "delete"
    ]
    return estimate(planned, regions(lab), known)


def regions(lab: AnyLab) -> Mapping[str, str]:
    """Where each provider's resources are. Two regions of one provider make it unknown."""
    found: dict[str, set[str]] = {}
    for site in lab.sites.values():
        if isinstance(site, AwsSite):
            found.setdefault("aws", set()).add(site.region)
        elif isinstance(site, AzureSite):
            found.setdefault("azure", set()).add(site.location)
    return {provider: places.pop() for provider, places in found.items() if len(places) == 1}
