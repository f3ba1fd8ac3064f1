"""Lead time: churned rows and the days until they gave notice in; how long before it a score speaks out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.evaluation.figures import Figure

__all__ = ["LeadSampler", "LeadTime"]


@dataclass(frozen=True)
class LeadTime:
    """Days from a score to the notice, over churned rows.

    Parameters
    ----------
    rows : churned rows with a notice on or after their as_of.
    without_notice : churned rows with none: a failed payment, or the end of a term nobody renewed.
    days : the median, NaN where no row has a notice.
    """

    rows: int
    without_notice: int
    days: Figure


class LeadSampler:
    """The median lead time on many resamples; `labels`, `notice_days` and `owner` are (n,)."""

    def __init__(self, labels: np.ndarray, notice_days: np.ndarray, owner: np.ndarray) -> None:
        churned = labels == 1
        given = np.flatnonzero(churned & (notice_days >= 0))
        given = given[np.argsort(notice_days[given], kind="stable")]
        self._days, self._owner = notice_days[given], owner[given]
        self.rows, self.without_notice = len(given), int(churned.sum()) - len(given)

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """`days`: (c,) the median, halfway between two days where half the rows lie on either side."""
        if not self.rows:
            return {"days": np.full(len(counts), math.nan)}
        reached = np.cumsum(counts[:, self._owner], axis=1)
        half = reached[:, -1:] / 2
        low, high = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
        high = np.minimum(high, self.rows - 1)
        return {"days": np.where(half[:, 0] > 0, (self._days[low] + self._days[high]) / 2, math.nan)}
