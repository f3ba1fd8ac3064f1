"""Doubts: a kernel and rows in; how far each probability may be off, and what the model has never seen, out.

Two errors can be told from a registered version alone. The calibration's is the one that every score's interval holds.
The trees' is in how far the boosters that were averaged disagree: each was grown without one part of the accounts, and
the averaged text still holds them one after the other. Neither holds what no feature knows, nor that tomorrow may be
unlike yesterday.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from training.kernel import Kernel, fill_gaps, sigmoid

__all__ = ["doubts", "fold_log_odds", "outside"]

_Z90 = 1.6448536269514722


def doubts(kernel: Kernel, rows: pd.DataFrame, horizon: int, folds: int, reference: Mapping[str, Any]) -> pd.DataFrame:
    """One line a row on how sure the model can be of it.

    Parameters
    ----------
    folds : boosters that were averaged, as the version's recipe tells.
    reference : what `training.monitoring.reference` wrote beside the version; empty where there is none.

    Returns
    -------
    probability; low, high: the 90 % interval of the calibration alone, as scores tell it; calibration_error,
    trees_error: standard errors of the log-odds; both_low, both_high: the 90 % interval with both; outside: how many
    values lie beyond what the model has learned from; unknown: their features' names. The index is that of `rows`.

    Notes
    -----
    The trees' standard error is that of the jackknife by groups, sqrt((K - 1) / K sum_k (z_k - mean z)^2), of the
    log-odds z_k that booster k alone would give through the same calibration. With five groups it is itself known to a
    third or so: it tells where the model is less sure, and only roughly by how much.
    """
    encoded = kernel.encode(rows)
    p = kernel.probabilities(encoded, horizon)
    low, high = kernel.bounds(encoded, horizon)
    centre = _log_odds(p)
    calibration = (_log_odds(high) - _log_odds(low)) / (2 * _Z90)
    each = fold_log_odds(kernel, rows, horizon, folds)
    trees = np.sqrt((folds - 1) / folds * ((each - each.mean(axis=0)) ** 2).sum(axis=0))
    error = _Z90 * np.hypot(calibration, trees)
    unknown = outside(rows, kernel, reference)
    return pd.DataFrame(
        {
            "probability": p,
            "low": low,
            "high": high,
            "calibration_error": calibration,
            "trees_error": trees,
            "both_low": sigmoid(centre - error),
            "both_high": sigmoid(centre + error),
            "outside": [len(names) for names in unknown],
            "unknown": [", ".join(names) for names in unknown],
        },
        index=rows.index,
    )


def fold_log_odds(kernel: Kernel, rows: pd.DataFrame, horizon: int, folds: int) -> np.ndarray:
    """(folds, n) log-odds of the probability as each averaged booster alone would give them, through one calibration.

    Where an interval's trees were not grown in folds (nothing beat the base rate, or there were too few accounts), all
    say the same of it.

    Raises
    ------
    ValueError : the model has no such horizon, or fewer than two folds are named.
    """
    if folds < 2:
        raise ValueError("One booster alone cannot disagree; name at least two folds.")
    matrix = kernel.encode(rows).matrix
    survival = np.ones((folds, len(matrix)))
    for interval in kernel.intervals[: kernel.place(horizon) + 1]:
        booster = lightgbm.Booster(model_str=interval.trees)
        filled = fill_gaps(matrix, kernel.feature_names, interval.fills)
        trees = booster.num_trees()
        if trees % folds or trees < folds:
            margins = np.tile(_raw(booster, filled, 0, trees), (folds, 1))
        else:
            # `average_boosters` writes one booster's trees after the other's, each leaf divided by how many there are.
            a_fold = trees // folds
            margins = np.stack([folds * _raw(booster, filled, fold * a_fold, a_fold) for fold in range(folds)])
        for fold in range(folds):
            survival[fold] *= 1 - sigmoid(interval.calibration.log_odds(margins[fold]))
    return _log_odds(1 - survival)


def outside(rows: pd.DataFrame, kernel: Kernel, reference: Mapping[str, Any]) -> list[list[str]]:
    """For each row, the features with a number beyond the reference's least and greatest, or an unknown category."""
    beyond: dict[str, np.ndarray] = {}
    known: Mapping[str, Any] = reference.get("features", {})
    for name in kernel.feature_names:
        if name not in rows.columns:
            continue
        if name in kernel.categories:
            there = rows[name].notna().to_numpy()
            beyond[name] = there & ~rows[name].isin(kernel.categories[name]).to_numpy()
        elif ends := known.get(name, {}).get("quantiles"):
            values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
            beyond[name] = (values < ends[0]) | (values > ends[-1])
    return [[name for name, where in beyond.items() if where[place]] for place in range(len(rows))]


def _raw(booster: lightgbm.Booster, matrix: np.ndarray, start: int, count: int) -> np.ndarray:
    if not len(matrix):
        return np.zeros(0)
    said = booster.predict(matrix, raw_score=True, start_iteration=start, num_iteration=count, num_threads=1)
    return np.asarray(said, dtype=np.float64)


def _log_odds(p: np.ndarray) -> np.ndarray:
    inside = np.clip(p, 2.0**-52, 1 - 2.0**-52)
    return np.asarray(np.log(inside / (1 - inside)))
