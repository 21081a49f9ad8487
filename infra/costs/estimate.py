"""A month's bill as far as it can be known: planned resources and price tables in, lines out. Pure.

What has no price is a line without one, never a zero, and totals never mix what was read with what
was only reported or recalled.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from infra.costs import usage
from infra.costs.tables import Basis, Price, PriceTable, Unit
from infra.costs.usage import Planned

#: What no estimate from a plan covers, on any ground.
NEVER_COVERED = (
    "taxes, discounts, committed use and free tiers",
    "traffic between zones, regions and to the internet; requests; data that is stored by use",
    "nodes that autoscaling adds above a group's least, and their disks",
    "disks whose size the plan leaves to the provider",
    "machines of one's own: hardware, power, room and people",
)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """One position. `price` and `month` are None where the tables have no price."""

    what: str
    region: str
    resources: int
    quantity: Decimal | None
    unit: str
    price: Price | None
    currency: str

    @property
    def month(self) -> Decimal | None:
        if self.price is None or self.quantity is None:
            return None
        return (self.price.price * self.quantity).quantize(_CENT)


@dataclass(frozen=True, slots=True)
class Estimate:
    """All lines, and what they leave out. Totals by currency and basis."""

    lines: Sequence[Line]
    by_use: Mapping[str, int]
    #: Places that resources are in and no table is for: `aws eu-west-3`.
    without_table: Sequence[str] = ()

    @property
    def totals(self) -> dict[str, dict[Basis, Decimal]]:
        found: dict[str, dict[Basis, Decimal]] = defaultdict(dict)
        for line in self.lines:
            if line.price is not None and line.month is not None:
                of_currency = found[line.currency]
                basis = line.price.basis
                of_currency[basis] = of_currency.get(basis, Decimal(0)) + line.month
        return dict(found)

    @property
    def without_price(self) -> list[str]:
        """What is in no total, by the key that a price table would have for it."""
        return [line.what for line in self.lines if line.month is None]

    @property
    def lower_bound(self) -> bool:
        """Whether something that is paid for is in no total."""
        return bool(self.without_price or self.by_use)


def estimate(
    planned: Iterable[Planned], regions: Mapping[str, str], tables: Sequence[PriceTable]
) -> Estimate:
    """The estimate for a plan. `regions` say where each provider's resources are (aws, azure)."""
    amounts: dict[tuple[str, str, Unit], list[Decimal]] = defaultdict(list)
    unknown: Counter[tuple[str, str]] = Counter()
    by_use: Counter[str] = Counter()
    known = list(planned)
    templates = {one.id: one.inputs for one in known if one.type in usage.TEMPLATES and one.id}
    for one in (usage.with_template(each, templates) for each in known):
        if not usage.is_cloud(one):
            continue
        if usage.by_use(one):
            by_use[one.type] += 1
            continue
        takes = usage.usage(one)
        if takes is None:
            if not usage.describes(one):
                unknown[usage.provider(one), one.type] += 1
            continue
        for part in takes:
            amounts[usage.provider(one), part.key, part.unit].append(part.quantity)
    lines = [
        _line(usage.Usage(key, unit, sum(quantities, Decimal(0))), len(quantities), place, tables)
        for (provider, key, unit), quantities in sorted(amounts.items())
        for place in [(provider, regions.get(provider, "unknown"))]
    ]
    lines += [
        Line(kind, regions.get(provider, "unknown"), count, None, "", None, "")
        for (provider, kind), count in sorted(unknown.items())
    ]
    tabled = {(table.provider, table.region) for table in tables}
    places = {
        (provider, regions.get(provider, "unknown"))
        for provider in (*(key[0] for key in amounts), *(key[0] for key in unknown))
    }
    without_table = [" ".join(place) for place in sorted(places - tabled)]
    return Estimate(lines, dict(sorted(by_use.items())), without_table)


def _line(
    taken: usage.Usage, resources: int, place: tuple[str, str], tables: Sequence[PriceTable]
) -> Line:
    """The first table of the provider and region that has a price for it decides."""
    for table in tables:
        if (table.provider, table.region) == place and (price := table.find(taken.key, taken.unit)):
            currency = table.currency
            break
    else:
        price, currency = None, ""
    return Line(taken.key, place[1], resources, taken.quantity, taken.unit, price, currency)
