"""Importance: a book's attributions in, by how much each feature or dimension moves its probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Catalogue
from training.resampling import account_counts

__all__ = ["groups_of", "importance"]


def groups_of(
    features: Sequence[str], by: Literal["dimension", "topic"], catalogue: Catalogue = CATALOGUE
) -> list[str]:
    """The dimension or the topic of each feature; a feature that the catalogue does not have stands for itself."""
    return [
        name if name not in catalogue else catalogue[name].dimension if by == "dimension" else catalogue[name].driver
        for name in features
    ]


def importance(
    points: np.ndarray,
    groups: Sequence[str],
    accounts: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 20240229,
) -> pd.DataFrame:
    """The mean over a book of how far each group of features moves an account's probability, up or down.

    The points of a group are added before their size is taken, so that two features that pull against each other do
    not count for more than what they do together.

    Parameters
    ----------
    points : (n, k) shares of probability, as `Kernel.explain` gives them.
    groups : (k,) the group of each feature; the features themselves where each stands alone.
    accounts : (n,) whose row each is, where a book has several of one account; each its own when None.

    Returns
    -------
    name, value, low, high, largest first, in units of probability. The interval (90 %) is from resampling accounts: how
    much it hangs on who is in the book. What another training would say is not in it.

    Raises
    ------
    ValueError : there is no row, or not one group a column.

    >>> importance(np.array([[0.03, -0.01, 0.0], [-0.03, 0.01, 0.01]]), ["use", "use", "plan"], resamples=10)["value"]
    0    0.020
    1    0.005
    Name: value, dtype: float64
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not len(points) or points.shape[1] != len(groups):
        raise ValueError("Importance needs rows of points, and one group for each of their columns.")
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    size = np.abs(np.column_stack([points[:, member == k].sum(axis=1) for k in range(len(names))]))
    owner = np.arange(len(points)) if accounts is None else np.unique(np.asarray(accounts), return_inverse=True)[1]
    total = int(owner.max()) + 1
    # The last column counts rows, which a resample of accounts may hold more or fewer of.
    by_account = np.column_stack(
        [np.bincount(owner, weights=column, minlength=total) for column in (*size.T, np.ones(len(points)))]
    )
    drawn = np.concatenate([counts @ by_account for counts in account_counts(total, resamples, len(points), seed)])
    low, high = np.quantile(drawn[:, :-1] / drawn[:, -1:], [0.05, 0.95], axis=0)
    table = pd.DataFrame({"name": names, "value": size.mean(axis=0), "low": low, "high": high})
    return table.sort_values(["value", "name"], ascending=[False, True], ignore_index=True)
