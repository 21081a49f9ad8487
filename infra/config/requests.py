"""Who may ask for sandboxes, who approves them, and what can be asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.config.model import Classification, Model, Name
from infra.config.sandboxes import Quota

#: What a request gets that names no profile.
DEFAULT_PROFILE = "small"
#: Hours that no sandbox may live longer than, whatever a lab's configuration says.
LONGEST = 720
_UNITS = {"h": 3600, "m": 60, "s": 1}

#: A person's name, as the cluster knows it.
User = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]+$", min_length=3, max_length=128)]
Group = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@:/+-]+$", min_length=3, max_length=128)]
Duration = Annotated[str, Field(pattern=r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", min_length=2)]


Bytes = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}(Ki|Mi|Gi|Ti)$")]
#: https://www.rfc-editor.org/rfc/rfc6838#section-4.2
MediaType = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$", max_length=100),
]


class People(Model):
    """People by their names, or by groups that the cluster's login puts them in."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()

    @model_validator(mode="after")
    def _are_people(self) -> Self:
        for name in (*self.users, *self.groups):
            if name.startswith("system:"):
                raise ValueError(f"{name} is one of Kubernetes' own users or groups")
        return self

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)


class SandboxProfile(Model):
    """A size that can be asked for by its name."""

    quota: Quota = Quota()
    #: Euro for an hour of its life
    cost_per_hour: float = Field(default=0.0, ge=0)
    #: Euro that a sandbox may cost whose request names no budget; it ends when they are spent
    budget: float | None = Field(default=None, gt=0, le=999_999)
    #: Euro that no sandbox of this profile may cost, whatever is asked for
    largest_budget: float | None = Field(default=None, gt=0, le=999_999)

    @model_validator(mode="after")
    def _can_be_spent(self) -> Self:
        if not self.cost_per_hour and (self.budget or self.largest_budget):
            raise ValueError("cost_per_hour: without a price no budget is ever spent")
        if self.budget and self.largest_budget and self.budget > self.largest_budget:
            raise ValueError(f"budget: no more than largest_budget ({self.largest_budget})")
        return self


class SandboxLimits(Model):
    """How many sandboxes live at the same time, from when they are approved until they are gone.

    What is beyond that waits until there is room.
    """

    per_requester: int | None = Field(default=None, ge=1)
    total: int | None = Field(default=None, ge=1)


class Approvals(Model):
    """How many people other than the requester must approve, by classification."""

    public: int = Field(default=1, ge=1, le=5)
    internal: int = Field(default=1, ge=1, le=5)
    confidential: int = Field(default=2, ge=1, le=5)
    restricted: int = Field(default=2, ge=1, le=5)


class Airlock(Model):
    """Files that people may ask to bring into or out of a sandbox; others review each request."""

    #: In one request
    files: int = Field(default=16, ge=1, le=16)
    #: Largest file; a Kubernetes quantity of bytes
    largest: Bytes = "1Gi"
    #: All files of one request together
    total: Bytes = "4Gi"
    #: Media types that may be; without any, all
    types: tuple[MediaType, ...] = ()


class SandboxService(Model):
    """Sandboxes that people ask for while the lab runs, approved by others (four eyes).

    The service is in the lab's primary cluster.
    """

    requesters: People
    approvers: People
    #: May suspend a sandbox, let it go on, and destroy it
    security_officers: People = People()
    #: Sizes by name; `small` is what a request gets that names none
    profiles: Mapping[Name, SandboxProfile] = {DEFAULT_PROFILE: SandboxProfile()}
    #: A sandbox lives no longer than this, however often it is renewed (at most 720h)
    longest_life: Duration = "72h"
    approvals: Approvals = Approvals()
    #: What may be asked to enter or leave
    airlock: Airlock = Airlock()
    limits: SandboxLimits = SandboxLimits()
    #: Part of a budget after which people are warned that it is nearly spent
    budget_warning: float = Field(default=0.8, gt=0, lt=1)
    #: How many are made before anybody asks, by profile
    pool: Mapping[Name, Annotated[int, Field(ge=0, le=100)]] = {}

    @model_validator(mode="after")
    def _has_people(self) -> Self:
        for role in ("requesters", "approvers"):
            if not getattr(self, role):
                raise ValueError(f"{role}: somebody is needed, by users or by groups")
        return self

    @model_validator(mode="after")
    def _has_profiles(self) -> Self:
        if DEFAULT_PROFILE not in self.profiles:
            raise ValueError(
                f"profiles: {DEFAULT_PROFILE} is missing; a request gets it that names none"
            )
        unknown = [name for name in self.pool if name not in self.profiles]
        if unknown:
            known = ", ".join(self.profiles)
            raise ValueError(f"pool: {unknown[0]} is none of the profiles ({known})")
        return self

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not 60 <= seconds(self.longest_life) <= LONGEST * 3600:
            raise ValueError(f"longest_life: from 1m to {LONGEST}h, not {self.longest_life}")
        return self

    def require_enough_approvers(self, carried: Sequence[Classification]) -> None:
        """Refuses what nobody could ever have approved.

        Members of groups are not known here. `carried` is what the ground of the service carries.

        Raises:
            ValueError: for some requester there are fewer others than must approve.
        """
        if self.approvers.groups:
            return
        needed = max(getattr(self.approvals, name) for name in carried)
        for requester in self.requesters.users or ("",):
            others = [name for name in self.approvers.users if name != requester]
            if len(set(others)) < needed:
                whose = f"requests of {requester}" if requester else "requests"
                raise ValueError(
                    f"approvers: {whose} need approvals by others: {needed} where there are "
                    f"{len(set(others))}"
                )


def seconds(duration: str) -> int:
    """Length of a duration of hours, minutes and seconds, such as 1h30m."""
    parts = re.findall(r"([0-9]+)([hms])", duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)
