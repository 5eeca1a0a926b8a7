"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable


def backoff_s(
    attempt: int, *, base_s: float = 10.0, cap_s: float = 3600.0, uniform: Callable[[], float] = random.random
) -> float:
    """Return the seconds to wait after a failed attempt (the first is 1).

    They double from `base_s` up to `cap_s`; up to half of them is taken off at random, so that what failed together
    does not come back together.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    doublings = min(attempt - 1, 60)  # beyond that the cap has long been reached, and floats would end
    return float(min(base_s * 2.0**doublings, cap_s)) * (1.0 - uniform() / 2)
