"""Percentiles that are values which were measured, none in between."""

from __future__ import annotations

import math
from collections.abc import Sequence

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of all do not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


def percentiles(values: Sequence[float], shares: Sequence[int] = PERCENTILES) -> dict[int, float]:
    """Return the smallest value that so many percent do not exceed; nothing of nothing."""
    found = {share: percentile(values, share / 100) for share in shares}
    return {share: value for share, value in found.items() if value is not None}
