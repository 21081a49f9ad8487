"""What a lab costs in a month: what a preview would make, by the repository's price tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra import config
from infra.config import AnyLab, AwsSite, AzureSite
from infra.costs import tables
from infra.costs.estimate import Estimate, estimate
from infra.costs.usage import Planned
from infra.engine import Operation, Stack, exclusive
from infra.engine.events import Event, ResourceEvent
from infra.paths import Home

__all__ = ["Estimate", "Planned", "estimate", "of_stack", "regions"]


def of_stack(stack: str, show: Callable[[Event], None], *, own: Sequence[Path] = ()) -> Estimate:
    """The estimate for what the stack's program declares, by a preview of it.

    `own` are price tables that come before those of the repository.

    Raises:
        PriceTableInvalid: a table cannot be read.
        LabError: the preview fails; see `Stack.run`.
    """
    known = tables.load(own=own)
    lab = config.load(stack)
    planned: list[Planned] = []

    def receive(event: Event) -> None:
        if isinstance(event, ResourceEvent):
            if event.state == "started" and event.operation != "delete":
                planned.append(Planned(event.type, event.name, event.inputs))
        else:
            show(event)

    with exclusive(Home(lab.name), purpose="lab cost"):
        driver = Stack(stack, on_event=receive)
        driver.ensure()
        driver.run(Operation.PREVIEW)
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
