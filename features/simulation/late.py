"""Late records: how long it takes until a fact stands in the tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["delays"]

TAIL = 0.06


def delays(rng: np.random.Generator, n: int, longest: float = 21.0) -> NDArray[np.float64]:
    """Days from a fact to its record: most within a day, one in seventeen after days, at the most `longest`."""
    soon = np.minimum(rng.exponential(0.2, n), 0.95)
    late = 1 + np.minimum(rng.exponential(longest / 4, n), longest - 1)
    return np.where(rng.random(n) < TAIL, late, soon)
