"""One lab across several grounds: one Vault, one policy set, and a rule for what lands where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from infra.config import placement
from infra.config.grounds.aws import AwsSite
from infra.config.grounds.azure import AzureSite
from infra.config.grounds.cloud import CloudSite
from infra.config.grounds.onprem import OnPremSite
from infra.config.lab import Lab, require_auto_unseal
from infra.config.model import Classification, Model, Name
from infra.config.network import require_apart
from infra.config.site import Site
from infra.config.vpn import Gateway, require_complete

MemberSite = Annotated[OnPremSite | AwsSite | AzureSite, Field(discriminator="ground")]


class Member(Model):
    """One ground of a hybrid lab, and the classifications that it may carry."""

    name: Name
    carries: tuple[Classification, ...] = Field(min_length=1)
    gateway: Gateway
    site: MemberSite

    @property
    def restricted_because(self) -> str | None:
        return self.site.restricted_because if isinstance(self.site, CloudSite) else None

    @property
    def ground(self) -> placement.Ground:
        """The member as the rule of placement sees it."""
        return placement.ground(
            self.name,
            self.site.ground,
            carries=self.carries,
            restricted_because=self.restricted_because,
        )

    @model_validator(mode="after")
    def _carries_what_it_may(self) -> Self:
        """What a member says it carries and may not would never be used, and would mislead."""
        for classification in self.carries:
            if not self.ground.may_carry(classification):
                reason = self.ground.refuses[classification]
                raise ValueError(f"carries: {classification} is not for {self.name}: {reason}")
        if self.restricted_because and "restricted" not in self.carries:
            raise ValueError(
                f"site.restricted_because: {self.name} does not carry restricted work, so there "
                "is nothing to give a reason for"
            )
        return self

    @model_validator(mode="after")
    def _gateway_fits(self) -> Self:
        require_complete(self.gateway, self.site.ground)
        if not any(self.gateway.address in range_ for range_ in self.site.ranges.values()):
            raise ValueError(
                f"gateway.address ({self.gateway.address}) lies in no range of {self.name}"
            )
        return self


class HybridLab(Lab):
    """A lab across grounds. The primary one has Vault, and is the hub of the tunnels."""

    ground: Literal["hybrid"]
    primary: Name
    members: tuple[Member, ...] = Field(min_length=2)

    @property
    def ordered(self) -> Sequence[Member]:
        """The members, the primary one first."""
        return sorted(self.members, key=lambda member: member.name != self.primary)

    @property
    def sites(self) -> Mapping[str, Site]:
        return {member.name: member.site for member in self.ordered}

    @property
    def grounds(self) -> Sequence[placement.Ground]:
        return [member.ground for member in self.ordered]

    @field_validator("members")
    @classmethod
    def _one_of_them_is_primary(
        cls, members: tuple[Member, ...], info: ValidationInfo
    ) -> tuple[Member, ...]:
        """Before everything else, which asks for members by their names."""
        names = [member.name for member in members]
        if len(names) != len(set(names)):
            raise ValueError("a name is used twice")
        primary = info.data.get("primary", names[0])
        if primary not in names:
            raise ValueError(f"the primary one, {primary}, is not one of {', '.join(names)}")
        return members

    @model_validator(mode="after")
    def _members_fit_together(self) -> Self:
        require_auto_unseal(self.vault, self.ground)
        require_apart(
            {
                f"members.{name}.{path}": range_
                for name, site in self.sites.items()
                for path, range_ in site.ranges.items()
            }
        )
        return self
