"""Ratios: rows that were retained in; how their revenue grows until each horizon out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightgbm
import numpy as np

from training.dataset import Dataset, Labelled
from training.encoding import RowEncoder
from training.forest import medians
from training.kernel import encode_rows, fill_gaps

if TYPE_CHECKING:
    from training.hazards import Learning

__all__ = ["Ratios", "fit_ratios"]

_FEW_ROWS = 500
_FAR = 3.0  # a ratio beyond it teaches the trees no more than this; the line through them sees it whole
_PARAMETERS = {
    "objective": "regression",
    "num_leaves": 6,
    "learning_rate": 0.05,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_TREES = 60


@dataclass(frozen=True)
class Ratios:
    """How the revenue of who is retained grows.

    Parameters
    ----------
    by_horizon : (a, b) of a + b * the value of the trees.
    trees, fills : the trees; no text where rows are few.
    errors : by horizon, standard error of all expected revenue together, as a share of it, from the calibration block.
    """

    by_horizon: dict[int, tuple[float, float]]
    trees: str
    fills: dict[str, float]
    errors: dict[int, float]


def fit_ratios(dataset: Dataset, learning: Mapping[int, Learning], encoder: RowEncoder, seed: int) -> Ratios | None:
    """Learn the MRR at each horizon over that of as_of from the accounts that were retained until then.

    Small trees, fitted on the training rows of the longest horizon, rank accounts by growth; a line through their
    values is then laid through each horizon's calibration rows by least squares weighted with MRR, so that the
    revenue expected of those who stay sums to what they paid. A line that falls says that the ranking taught nothing:
    it is made flat.

    Returns
    -------
    None where nobody's revenue is known.
    """
    horizons = sorted(learning)
    if not dataset.retained_ratio.size:
        return None
    train = _retained(dataset, learning[horizons[-1]].train)
    later = {h: _retained(dataset, learning[h].calibration) for h in horizons}
    if any(not len(part[1]) for part in later.values()):
        return None
    trees = ""
    fills: dict[str, float] = {}
    values = {h: np.zeros(len(part[1])) for h, part in later.items()}
    if len(train[1]) >= _FEW_ROWS:
        names = encoder.feature_names_
        matrix = encode_rows(train[0].rows, names, encoder.categories_)
        fills = medians(matrix, names, encoder.categories_)
        data = lightgbm.Dataset(
            fill_gaps(matrix, names, fills),
            np.clip(train[1], 0, _FAR),
            weight=train[2] / train[2].mean(),
            feature_name=list(names),
            categorical_feature=[names.index(name) for name in encoder.categories_],
            params={"verbosity": -1, "max_bin": 63},
        )
        parameters = _PARAMETERS | {"seed": seed, "min_data_in_leaf": max(50, len(train[1]) // 100)}
        booster = lightgbm.train(parameters, data, num_boost_round=_TREES)
        trees = str(booster.model_to_string())
        for horizon, part in later.items():
            filled = encode_rows(part[0].rows, names, encoder.categories_, fills)
            values[horizon] = np.asarray(booster.predict(filled, num_threads=1), dtype=np.float64)
    lines = {h: _line(values[h], ratio, mrr) for h, (_, ratio, mrr) in later.items()}
    errors = {h: _error(part[0].accounts, part[1], part[2], values[h], lines[h]) for h, part in later.items()}
    return Ratios(lines, trees, fills, errors)


def _retained(dataset: Dataset, part: Labelled) -> tuple[Labelled, np.ndarray, np.ndarray]:
    """The retained rows of a block, with their ratio and the MRR that weighs it."""
    column = dataset.targets["churn"].place(part.horizon)
    ratio, mrr = dataset.retained_ratio[part.place, column], dataset.mrr[part.place]
    known = ~np.isnan(ratio) & (mrr > 0)
    return part.only(known), ratio[known], mrr[known]


def _line(value: np.ndarray, ratio: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Intercept and slope by weighted least squares, the slope held between 0 and 2."""
    mean_value, mean_ratio = (float(np.average(x, weights=weight)) for x in (value, ratio))
    centred = value - mean_value
    spread = float(np.average(centred**2, weights=weight))
    slope = float(np.average(centred * (ratio - mean_ratio), weights=weight)) / spread if spread > 1e-12 else 0.0
    slope = min(max(slope, 0.0), 2.0)
    return mean_ratio - slope * mean_value, slope


def _error(
    accounts: np.ndarray, ratio: np.ndarray, weight: np.ndarray, value: np.ndarray, line: tuple[float, float]
) -> float:
    """Standard error of the weighted mean ratio, as a share of it; an account's rows stand or fall together."""
    rest = weight * (ratio - line[0] - line[1] * value)
    by_account = np.bincount(np.unique(accounts, return_inverse=True)[1], rest)
    return float(np.sqrt(np.sum(by_account**2)) / max(float(np.sum(weight * ratio)), 1e-12))
