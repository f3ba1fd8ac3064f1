"""Separation: how well one feature alone tells accounts that churn from those that stay, with what chance allows."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["cross_fitted_rates", "lower_bound", "stratified_auc"]

Weights = NDArray[np.float64]


def stratified_auc(
    values: NDArray[np.float64], labels: NDArray[np.float64], strata: NDArray[np.int64], weights: Weights | None = None
) -> Weights:
    """The share of pairs, one row of each label and both of one stratum, that a value orders rightly; ties are half.

    Parameters
    ----------
    values, labels, strata : (n,) no value missing, labels 0 or 1.
    weights : (b, n) resamples of the rows; each row once when None.

    Returns
    -------
    (b,) the area under the curve; 0.5 where there is no pair.

    >>> stratified_auc(np.array([1.0, 2, 2, 3]), np.array([0.0, 0, 1, 1]), np.zeros(4, int))
    array([0.875])
    """
    weights = np.ones((1, len(values))) if weights is None else weights
    right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        order = inside[np.argsort(values[inside], kind="stable")]
        starts = np.flatnonzero(np.r_[True, values[order][1:] != values[order][:-1]])
        ones = np.add.reduceat(weights[:, order] * labels[order], starts, axis=1)
        zeros = np.add.reduceat(weights[:, order] * (1 - labels[order]), starts, axis=1)
        below = np.cumsum(zeros, axis=1) - zeros
        right += (ones * (below + zeros / 2)).sum(axis=1)
        pairs += ones.sum(axis=1) * zeros.sum(axis=1)
    return np.divide(right, pairs, out=np.full(len(weights), 0.5), where=pairs > 0)


def lower_bound(
    values: NDArray[np.float64],
    labels: NDArray[np.float64],
    strata: NDArray[np.int64],
    accounts: NDArray[np.object_],
    resamples: int = 200,
    seed: int = 20240229,
) -> float:
    """The 2.5th percentile of the area under the curve when whole accounts are drawn again, either way round."""
    codes, names = pd.factorize(accounts)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples).astype(np.float64)
    areas = stratified_auc(values, labels, strata, drawn[:, codes])
    turned = stratified_auc(values, labels, strata)[0] < 0.5
    return float(np.quantile(1 - areas if turned else areas, 0.025))


def cross_fitted_rates(
    categories: NDArray[np.object_], labels: NDArray[np.float64], accounts: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Each category's share of churns among the other half of the accounts, drawn towards the mean by ten rows.

    Were the rates taken from the same rows, a category with one account would predict that account perfectly.
    """
    half = np.array([zlib.crc32(str(a).encode()) % 2 for a in accounts])
    keys = np.array(["" if c is None else f"={c}" for c in categories], dtype=object)
    rates = np.zeros(len(labels))
    for side in (0, 1):
        there, here = half != side, half == side
        mean = labels[there].mean() if there.any() else 0.0
        seen = pd.DataFrame({"key": keys[there], "label": labels[there]}).groupby("key")["label"].agg(["sum", "count"])
        rate = (seen["sum"] + 10 * mean) / (seen["count"] + 10)
        rates[here] = pd.Series(keys[here]).map(rate).fillna(mean).to_numpy(dtype=np.float64)
    return rates
