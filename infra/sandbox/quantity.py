"""Kubernetes quantities, as far as a quota needs them: parsed, and the lesser of two."""

from __future__ import annotations

import re
from decimal import Decimal

#: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", start=1)},
}


def amount(quantity: str) -> Decimal:
    """The number that a quantity stands for ("250m" is 0.25, "1Ki" is 1024).

    Raises:
        ValueError: it is not a quantity.
    """
    match = re.fullmatch(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[A-Za-z]*)", quantity)
    if match is None or match["unit"] not in _UNITS:
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity")
    return Decimal(match["number"]) * _UNITS[match["unit"]]


def least(one: str, other: str) -> str:
    """The smaller of two quantities, spelt as given."""
    return min(one, other, key=amount)
