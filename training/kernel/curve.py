"""Curve: a kernel and rows in; churn, revenue and the next renewal at any day up to the last horizon out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from training.kernel.model import Encoded, Kernel
from training.kernel.rows import Columns, numbers

__all__ = ["SHORT_TERM", "Curve", "curve_of", "renewal_days"]

SHORT_TERM = 1.5  # months; who renews every month has no day that stands out


class Curve(NamedTuple):
    """What a model says of n accounts between now and its last horizon.

    Attributes
    ----------
    ends : (K,) the horizons in days, ascending.
    hazards : (n, K) calibrated hazard of each interval.
    renewal_share : (K,) of an interval's hazard, the part that falls on the renewal in it.
    renewal : (n,) days to the next renewal of accounts on terms longer than a month, NaN for others.
    ratios : (n, K) expected MRR at each horizon over today's, of who is retained; None where the model tells none.
    """

    ends: tuple[int, ...]
    hazards: np.ndarray
    renewal_share: tuple[float, ...]
    renewal: np.ndarray
    ratios: np.ndarray | None

    def churn(self, days: Sequence[float] | np.ndarray) -> np.ndarray:
        """The probability of churn within each number of days.

        Between two horizons the cumulative hazard -log(1 - p) grows linearly, but for the share of it that falls on the
        renewal, where one lies between them. At the horizons it is the model's probability.

        Parameters
        ----------
        days : (d,) the same for all rows, or (n, d); each at least 0. An account that renews in r days can leave on
            that day, which the first r + 1 days cover.

        Returns
        -------
        (n, d), never falling with the days; NaN beyond the last horizon.
        """
        asked = np.atleast_1d(np.asarray(days, dtype=np.float64))
        asked = np.broadcast_to(asked, (len(self.hazards), asked.shape[-1]))
        renewal = self.renewal[:, None]
        cumulative, begin = np.zeros(asked.shape), 0
        for k, end in enumerate(self.ends):
            grown = -np.log1p(-self.hazards[:, k])[:, None]
            within = np.clip((asked - begin) / (end - begin), 0, 1)
            shaped = self.renewal_share[k] * (asked > renewal) + (1 - self.renewal_share[k]) * within
            cumulative += grown * np.where((renewal >= begin) & (renewal < end), shaped, within)
            begin = end
        return np.where(asked <= begin, -np.expm1(-cumulative), np.nan)

    def retained_ratio(self, days: Sequence[float] | np.ndarray) -> np.ndarray:
        """Expected MRR over today's of who is retained, (n, d), linear between horizons from 1 at day 0.

        Raises
        ------
        ValueError : the model tells none.
        """
        if self.ratios is None:
            raise ValueError("This model does not tell how revenue grows; train it again.")
        asked = np.atleast_1d(np.asarray(days, dtype=np.float64))
        asked = np.broadcast_to(asked, (len(self.hazards), asked.shape[-1]))
        value, begin, before = np.full(asked.shape, np.nan), 0, np.ones(len(self.hazards))
        for end, ratio in zip(self.ends, self.ratios.T, strict=True):
            part = (asked - begin) / (end - begin)
            inside = (asked >= begin) & (asked <= end)
            value = np.where(inside, before[:, None] + part * (ratio - before)[:, None], value)
            begin, before = end, ratio
        return value

    def expected_mrr(self, mrr: np.ndarray, days: Sequence[float] | np.ndarray) -> np.ndarray:
        """MRR x (1 - churn) x ratio given retained, (n, d), for (n,) today's MRR; NaN beyond the last horizon."""
        return np.asarray(mrr, dtype=np.float64)[:, None] * (1 - self.churn(days)) * self.retained_ratio(days)

    def renewed(self, days_to_renewal: np.ndarray) -> np.ndarray:
        """The probability of still being a customer after the next renewal, (n,).

        Parameters
        ----------
        days_to_renewal : (n,) from as_of, NaN where none is known.

        Returns
        -------
        1 - churn within days_to_renewal + 1 days; NaN where the renewal lies beyond the last horizon or is not known.
        """
        days = np.asarray(days_to_renewal, dtype=np.float64)[:, None] + 1
        return np.where(np.isnan(days), np.nan, 1 - self.churn(np.nan_to_num(days)))[:, 0]


def renewal_days(rows: pd.DataFrame | Columns) -> np.ndarray:
    """(n,) days to the next renewal of accounts on terms longer than a month; NaN for others and where unknown."""
    return np.where(numbers(rows, "term_months") > SHORT_TERM, numbers(rows, "days_to_renewal"), np.nan)


def curve_of(kernel: Kernel, rows: pd.DataFrame | Columns, encoded: Encoded | None = None) -> Curve:
    """The curve of each of n rows of features; `encoded` are the same rows, where the kernel has them already."""
    encoded = kernel.encode(rows) if encoded is None else encoded
    ratios = None
    if set(kernel.horizons) <= set(kernel.ratios):
        ratios = np.column_stack([kernel.retained_ratio(encoded, horizon) for horizon in kernel.horizons])
    shares = tuple(interval.renewal_share for interval in kernel.intervals)
    return Curve(kernel.horizons, kernel.hazards(encoded), shares, renewal_days(rows), ratios)
