from __future__ import annotations

from decimal import Decimal

import pytest

from infra.sandbox.quantity import amount, least


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("2", "2"),
        ("250m", "0.25"),
        ("1.5", "1.5"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("3M", "3000000"),
        ("2Gi", "2147483648"),
        ("1T", "1000000000000"),
        ("1Ti", "1099511627776"),
    ],
)
def test_amount_is_what_kubernetes_means(quantity: str, number: str) -> None:
    assert amount(quantity) == Decimal(number)


@pytest.mark.parametrize("wrong", ["", "Gi", "1K", "1mi", "-1", "1 Gi", "1e3"])
def test_what_is_no_quantity_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        amount(wrong)


def test_the_least_keeps_its_spelling() -> None:
    assert least("1Gi", "1000Mi") == "1000Mi"
    assert least("500m", "1") == "500m"
