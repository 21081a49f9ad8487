"""One lab across several grounds: one Vault, one policy set, and a rule for what lands where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, cast

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from infra.config import placement
from infra.config.grounds.aws import AwsSite
from infra.config.grounds.azure import AzureSite
from infra.config.grounds.onprem import OnPremLab, OnPremSite
from infra.config.lab import Lab
from infra.config.model import Classification, Model, Name, faults
from infra.config.network import require_apart
from infra.config.site import Site
from infra.config.vpn import Gateway, Hub, require_complete

MemberSite = Annotated[OnPremSite | AwsSite | AzureSite, Field(discriminator="ground")]
#: Names on a ground are made of the lab's and the member's.
_LONGEST_NAME = 20


class Member(Model):
    """One ground of a hybrid lab, and the classifications that it may carry."""

    name: Name
    carries: tuple[Classification, ...] = Field(min_length=1)
    gateway: Gateway = Gateway()
    site: MemberSite

    @property
    def ground(self) -> placement.Ground:
        """The member as the rule of placement sees it."""
        return placement.ground(
            self.name,
            self.site.ground,
            carries=self.carries,
            exception=self.site.exception,
        )

    @model_validator(mode="after")
    def _carries_what_it_may(self) -> Self:
        """What a member says it carries and may not would never be used, and would mislead."""
        for classification in self.carries:
            if not self.ground.may_carry(classification):
                reason = self.ground.refuses[classification]
                raise ValueError(f"carries: {classification} is not for {self.name}: {reason}")
        if self.site.exception and "restricted" not in self.carries:
            raise ValueError(
                f"site.restricted_because: {self.name} does not carry restricted work, so there "
                "is nothing to give a reason for"
            )
        return self

    @model_validator(mode="after")
    def _gateway_fits(self) -> Self:
        require_complete(self.gateway, self.site.ground)
        if isinstance(self.site, OnPremSite):
            taken = {machine.address: machine.name for machine in self.site.machines}
            address = self.gateway.address
            if address not in self.site.network.machines:
                raise ValueError(f"gateway.address ({address}) lies outside network.machines")
            if address in taken:
                raise ValueError(f"gateway.address ({address}) belongs to {taken[address]}")
        return self


class HybridLab(Lab):
    """A lab across grounds.

    The primary one is on machines of one's own: it has Vault, and with it every key of the lab,
    and is the hub of the tunnels. The others are clouds, at most one part on each.
    """

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

    @property
    def home(self) -> OnPremLab:
        """The primary part as a lab of its own, with what is placed there."""
        member = self.ordered[0]
        site = cast("OnPremSite", member.site)
        return OnPremLab.model_validate(
            {
                **site.model_dump(exclude_unset=True),
                "name": self.name,
                "vault": self.vault,
                "registry": self.registry,
                "audit": self.audit,
                "sandboxes": [
                    box.model_copy(update={"ground": None}) for box in self.on(member.name)
                ],
            }
        )

    @property
    def hub(self) -> Hub:
        """The primary's end of every tunnel."""
        gateway = self.ordered[0].gateway
        if gateway.address is None or gateway.endpoint is None:
            raise ValueError("members: the primary's gateway is not complete")
        return Hub(gateway.address, gateway.endpoint, gateway.port)

    @property
    def clouds(self) -> Sequence[Member]:
        """All but the primary."""
        return self.ordered[1:]

    def part(self, member: Member) -> str:
        """What a further ground's things are called by."""
        return f"{self.name}-{member.name}"

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
        found = next((member for member in members if member.name == primary), None)
        if found is None:
            raise ValueError(f"the primary one, {primary}, is not one of {', '.join(names)}")
        if found.site.ground != "onprem":
            raise ValueError(
                f"the primary one, {primary}, lies on {found.site.ground}; Vault and every key "
                "stay on machines of one's own (ground onprem)"
            )
        kinds = [member.site.ground for member in members]
        for kind in ("onprem", "aws", "azure"):
            if kinds.count(kind) > 1:
                raise ValueError(f"{kinds.count(kind)} are on {kind}; a lab has one part on each")
        return members

    @model_validator(mode="after")
    def _members_fit_together(self) -> Self:
        require_apart(
            {
                f"members.{name}.{path}": range_
                for name, site in self.sites.items()
                for path, range_ in site.ranges.items()
            }
        )
        for member in self.clouds:
            if len(self.part(member)) > _LONGEST_NAME:
                raise ValueError(
                    f"members.{member.name}: things there are called {self.part(member)}, which "
                    f"is longer than {_LONGEST_NAME} characters; shorten one of the names"
                )
        try:
            _ = self.home
        except ValidationError as error:
            raise ValueError(f"members.{self.primary}.site: {faults(error)}") from error
        return self
