"""Figures of many measurements."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of all do not exceed, between the two nearest if it is none."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def distribution(seconds: Sequence[float]) -> dict[str, float | int]:
    """p50 and p95 in seconds, and of how many."""
    return {
        "p50": round(percentile(seconds, 50), 3),
        "p95": round(percentile(seconds, 95), 3),
        "n": len(seconds),
    }


def slope(counts: Sequence[int], values: Sequence[float]) -> float:
    """By how much a value grows with each one more, fitted over all."""
    return statistics.linear_regression([float(count) for count in counts], values).slope
