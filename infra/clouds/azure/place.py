"""Where the resources of one lab are made, how they are named, and what they are tagged with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import pulumi

from infra.config.grounds.azure import AzureSite, unique


@dataclass(frozen=True, slots=True)
class Place:
    """One resource group of one lab.

    `name` is the lab's, or that of its part on Azure, and the first word of every resource's
    name. `group` is the name of the resource group.
    """

    name: str
    location: str
    subscription: str
    tenant: str
    group: pulumi.Input[str]
    tags: Mapping[str, str]

    @property
    def subscription_id(self) -> str:
        """Azure's id of the subscription."""
        return f"/subscriptions/{self.subscription}"

    @property
    def group_id(self) -> pulumi.Output[str]:
        """Azure's id of the resource group."""
        return pulumi.Output.concat(self.subscription_id, "/resourceGroups/", self.group)

    def named(self, part: str) -> str:
        """Name of a resource, unique in the resource group."""
        return f"{self.name}-{part}"

    def unique(self, kind: str) -> str:
        """Name of a resource that must be unique among all of Azure's customers."""
        return unique(kind, lab=self.name, subscription=self.subscription)

    def elsewhere(self, location: str) -> Self:
        """The same lab in another region."""
        return replace(self, location=location)


def tags(name: str, site: AzureSite) -> dict[str, str]:
    """Tags of every resource: whose it is, who pays, and the highest classification it may hold."""
    return {
        "lab": name,
        "owner": site.owner,
        "cost-center": site.cost_center,
        "classification-ceiling": "restricted" if site.restricted_because else "confidential",
        "managed-by": "ai-lab",
    }


def kept(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    """Options of what holds data or keys: Pulumi neither deletes nor replaces it."""
    return pulumi.ResourceOptions(parent=parent, protect=True, retain_on_delete=True)
