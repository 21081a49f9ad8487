"""One lab across several grounds: one Vault, one policy set, and a rule for what lands where."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.config.grounds.aws import AwsSite
from infra.config.grounds.azure import AzureSite
from infra.config.grounds.onprem import OnPremSite
from infra.config.lab import Lab
from infra.config.model import Classification, Model, Name

Site = Annotated[OnPremSite | AwsSite | AzureSite, Field(discriminator="ground")]


class Member(Model):
    """One ground of a hybrid lab, and the classifications that it may carry."""

    name: Name
    carries: tuple[Classification, ...] = Field(min_length=1)
    site: Site


class HybridLab(Lab):
    """A lab across grounds. The primary one has Vault."""

    ground: Literal["hybrid"]
    primary: Name
    members: tuple[Member, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        names = [member.name for member in self.members]
        if len(names) != len(set(names)):
            raise ValueError("members: a name is used twice")
        if self.primary not in names:
            raise ValueError(f"primary: {self.primary} is not one of {', '.join(names)}")
        return self
