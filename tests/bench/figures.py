"""How figures of a benchmark are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float]) -> str:
    """Least, median and most."""
    return f"{min(values):6.2f} {statistics.median(values):6.2f} {max(values):6.2f}"
