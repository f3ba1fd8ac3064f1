"""Maps: the logistic function, and smooth increasing maps from raw margins to calibrated log-odds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["SmoothMap", "sigmoid"]

_LIMIT = 36.0  # beyond it the logistic function rounds to exactly 1 in double precision


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Logistic function of (n,) log-odds, strictly inside (0, 1).

    It goes row by row through the C library: vectorised exponentials may round the tail of an array
    differently from its body, and a row must give the same bytes alone and in any batch.

    >>> sigmoid(np.array([0.0, 800.0]))
    array([0.5, 1. ])
    >>> bool(sigmoid(np.array([800.0]))[0] < 1)
    True
    """
    values = [1.0 / (1.0 + math.exp(-min(max(z, -_LIMIT), _LIMIT))) for z in np.asarray(log_odds).tolist()]
    return np.array(values, dtype=np.float64)


class SmoothMap(NamedTuple):
    """A smooth, strictly increasing map from raw margins f to calibrated log-odds.

    z(f) = c0 + c1 f + sum_j c_(2+j) s_j softplus((f - t_j) / s_j), which is linear in its coefficients c.

    Attributes
    ----------
    knots, scales : (K,) t and s > 0.
    coefficients : (2 + K,) c.
    """

    # NamedTuples, since a dataclass looks itself up in sys.modules, which not every loader of this file fills.
    knots: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]

    def basis(self, margins: np.ndarray) -> np.ndarray:
        """(n, 2 + K) the functions of the (n,) margins whose sum, weighted with the coefficients, is z."""
        f = np.asarray(margins, dtype=np.float64)
        columns = [np.ones_like(f), f]
        for knot, scale in zip(self.knots, self.scales, strict=True):
            columns.append(np.array([scale * _softplus((x - knot) / scale) for x in f.tolist()]))
        return np.column_stack(columns)

    def log_odds(self, margins: np.ndarray) -> np.ndarray:
        """z, (n,); the same bytes for a margin alone and in any batch."""
        return self.weighted(self.basis(margins))

    def weighted(self, basis: np.ndarray) -> np.ndarray:
        """z, (n,), of margins whose basis is there already."""
        total = np.zeros(len(basis))
        for weight, column in zip(self.coefficients, basis.T, strict=True):
            total += weight * column
        return total

    def slope(self, margin: float) -> float:
        """dz/df at one margin."""
        bends = zip(self.knots, self.scales, self.coefficients[2:], strict=True)
        return self.coefficients[1] + sum(w * float(sigmoid(np.array([(margin - t) / s]))[0]) for t, s, w in bends)

    @property
    def increasing(self) -> bool:
        """Whether z rises everywhere: with ordered knots and one scale, its slope is a mean of the running sums."""
        if not all(math.isfinite(value) for value in (*self.knots, *self.scales, *self.coefficients)):
            return False
        if len(self.coefficients) != 2 + len(self.knots) or len(self.scales) != len(self.knots):
            return False
        if list(self.knots) != sorted(self.knots) or len(set(self.scales)) > 1 or any(s <= 0 for s in self.scales):
            return False
        slope = 0.0
        for weight in self.coefficients[1:]:
            slope += weight
            if slope <= 0:
                return False
        return True


def _softplus(x: float) -> float:
    """log(1 + exp(x)) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
