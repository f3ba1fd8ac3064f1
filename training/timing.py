"""Timing: the rows that churned in; how much of the churn of an interval falls on the renewal in it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from training.kernel.curve import SHORT_TERM

if TYPE_CHECKING:
    from training.dataset import Dataset
    from training.hazards import Learning

__all__ = ["renewal_shares"]

_AROUND = 3  # days after a renewal on which an end still counts as one at the renewal
_LEAST = 20  # churns below which an interval takes the share of all intervals together


def renewal_shares(dataset: Dataset, learning: Mapping[int, Learning]) -> dict[int, float]:
    """By horizon: of the churns in the interval that ends there, the share that falls on the renewal.

    Told from the training rows of accounts on terms longer than a month that renew within the interval and churn in
    it, one row an account and interval. Where there are few, all intervals are taken together; with none at all, 0.
    Churns that would have come in those days anyway count too, at most 4 of an interval's days.
    """
    needed = {"days_to_renewal", "term_months"}
    horizons = sorted(learning)
    counts: dict[int, tuple[int, int]] = {}
    for before, horizon in zip([0, *horizons], horizons, strict=False):
        part = learning[horizon].train
        if not needed <= set(part.rows.columns) or not len(dataset.days_to_churn):
            return dict.fromkeys(horizons, 0.0)
        renewal = part.rows["days_to_renewal"].to_numpy(dtype=np.float64, na_value=np.nan)
        term = part.rows["term_months"].to_numpy(dtype=np.float64, na_value=np.nan)
        churn = dataset.days_to_churn[part.place]
        met = (term > SHORT_TERM) & (renewal >= before) & (renewal < horizon)
        met &= (part.labels == 1) & (churn >= before) & (churn < horizon)
        # One row an account: the others repeat the same churn.
        _, place = np.unique(part.accounts[met], return_index=True)
        late = (churn - renewal)[met][place]
        counts[horizon] = (int(((late >= 0) & (late <= _AROUND)).sum()), len(late))
    on, churns = (sum(pair[i] for pair in counts.values()) for i in (0, 1))
    pooled = on / churns if churns else 0.0
    return {h: (on / n if n >= _LEAST else pooled) for h, (on, n) in counts.items()}
