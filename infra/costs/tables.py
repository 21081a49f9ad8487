"""Price tables: one YAML file a provider and region, with where each figure comes from.

A figure is only as good as its source, so each says how it was come by (`basis`) and when. What
was read were stored copies, whose own age is not known; look at the page before you decide.

- `read`: it stands on the provider's own page, a stored copy of which was read;
- `catalogue`: it stands in somebody's public copy of the provider's price list, which names the
  region, at the commit in its address. The date is when it was read: the list is that old or older;
- `reported`: somebody else says that it stands there;
- `recalled`: nobody checked it; it is here to give an order of magnitude.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.errors import PriceTableInvalid

Basis = Literal["read", "catalogue", "reported", "recalled"]
Unit = Literal["hour", "month", "GiB-month"]
FOLDER = Path(__file__).parent / "prices"
_COMMIT = re.compile(r"/[0-9a-f]{40}/")


class Price(BaseModel):
    """What one unit of something costs, without taxes and discounts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What it is for, as `usage` names it: `ec2/m7i.large`.
    key: str = Field(pattern=r"^[a-z0-9-]+/[A-Za-z0-9._-]+$")
    unit: Unit
    price: Decimal = Field(gt=0)
    basis: Basis
    #: The provider's page on which the figure has to stand, or the file of a catalogue in which it
    #: was read.
    source: str = Field(pattern=r"^https://")
    #: When it was read, reported or recalled.
    date: date

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        """A catalogue changes by the hour: without its commit nobody can look the figure up."""
        if self.basis == "catalogue" and not _COMMIT.search(self.source):
            raise ValueError(f"{self.key}: the source of a catalogue's figure names its commit")
        return self


class PriceTable(BaseModel):
    """All prices of a provider in a region."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["aws", "azure"]
    region: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    prices: tuple[Price, ...]

    def find(self, key: str, unit: Unit) -> Price | None:
        return next((one for one in self.prices if (one.key, one.unit) == (key, unit)), None)


def load(folder: Path = FOLDER, *, own: Sequence[Path] = ()) -> list[PriceTable]:
    """The tables of this repository, after those that a user brings: the first that fits counts.

    Raises:
        PriceTableInvalid: one cannot be read.
    """
    return [_read(file) for file in (*own, *sorted(folder.glob("*.yaml")))]


def _read(file: Path) -> PriceTable:
    try:
        table = PriceTable.model_validate(yaml.safe_load(file.read_text()))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PriceTableInvalid(
            f"{file.name}: {error}", next_step="compare it with those in infra/costs/prices."
        ) from error
    keys = [(price.key, price.unit) for price in table.prices]
    if len(keys) != len(set(keys)):
        raise PriceTableInvalid(
            f"{file.name}: something has two prices.", next_step="leave one of them out."
        )
    return table
