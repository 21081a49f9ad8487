"""What AWS and Azure have in common."""

from __future__ import annotations

from pydantic import Field

from infra.config.site import Site


class CloudSite(Site):
    """An account of a cloud provider."""

    #: Who answers for the lab; a tag of every resource.
    owner: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    #: Who pays; a tag of every resource.
    cost_center: str = Field(pattern=r"^[A-Za-z0-9._-]{2,32}$")
    #: Euros a month; the owner is told at 80 per cent and when it is forecast to be passed.
    monthly_budget: int = Field(ge=1)
    #: Why restricted work may be in this cloud; without a reason it may not
    restricted_because: str | None = Field(default=None, min_length=20, max_length=400)

    @property
    def exception(self) -> str | None:
        return self.restricted_because
