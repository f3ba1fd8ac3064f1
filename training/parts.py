"""Parts: churned rows in; what tells the involuntary part of a hazard from the voluntary one out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.calibration import MIN_EVENTS, fit_map
from training.dataset import Dataset, Labelled
from training.encoding import RowEncoder
from training.forest import grow
from training.kernel import SmoothMap
from training.model import BoostedTrees

if TYPE_CHECKING:
    from training.hazards import Learning

__all__ = ["Shares", "fit_shares"]


@dataclass(frozen=True)
class Shares:
    """The involuntary share of each interval's hazard.

    Parameters
    ----------
    by_horizon : a number, or a map from the trees' margin to the log-odds of the share.
    trees, fills : what gives the margin; empty where all shares are numbers.
    """

    by_horizon: dict[int, float | SmoothMap]
    trees: str
    fills: dict[str, float]


def fit_shares(
    dataset: Dataset, learning: Mapping[int, Learning], encoder: RowEncoder, trees: BoostedTrees
) -> Shares | None:
    """Learn from the rows that churned which of them churned involuntarily.

    One set of trees serves all intervals, since churned rows are few. Each interval with 20 accounts of either kind in
    its calibration block calibrates it anew, so that what tells of next month need not tell as much of next year; the
    others share one map, fitted on the margins that folds of accounts held out in training and on the calibration
    block. Where fewer than 20 training accounts churned in either way, each interval has one number for all accounts.

    Parameters
    ----------
    trees : unfitted, for the columns of the encoder.

    Returns
    -------
    None where the labels have no parts.
    """
    target = dataset.targets["churn"]
    if target.involuntary is None:
        return None
    horizons = sorted(learning)
    longest = learning[horizons[-1]].train
    rows, labels = _churned(dataset, longest, None)
    kinds = [int(np.unique(rows.accounts[labels == kind]).size) for kind in (0, 1)]
    numbers: dict[int, float | SmoothMap] = {}
    for before, horizon in zip([None, *horizons], horizons, strict=False):
        both = [_churned(dataset, part, before) for part in (learning[horizon].train, learning[horizon].calibration)]
        found = np.concatenate([part_labels for _, part_labels in both])
        # Half a churn of either kind: nobody knows that a share is exactly 0 or 1.
        numbers[horizon] = float((found.sum() + 0.5) / (len(found) + 1))
    if min(kinds) < MIN_EVENTS:
        return Shares(numbers, "", {})
    forest = grow(trees, encoder, rows.rows, labels, rows.accounts)
    later, late_labels = _churned(dataset, learning[horizons[-1]].calibration, None)
    held_out = np.nan_to_num(forest.trees.held_out_margins_)
    shared = fit_map(
        "logistic",
        np.concatenate([held_out, forest.margins(later.rows)]),
        np.concatenate([labels, late_labels]),
        np.concatenate([rows.accounts, later.accounts]),
    ).map
    for before, horizon in zip([None, *horizons], horizons, strict=False):
        part, kind = _churned(dataset, learning[horizon].calibration, before)
        enough = min(int(np.unique(part.accounts[kind == k]).size) for k in (0, 1)) >= MIN_EVENTS
        numbers[horizon] = fit_map("logistic", forest.margins(part.rows), kind, part.accounts).map if enough else shared
    return Shares(numbers, forest.text, forest.fills)


def _churned(dataset: Dataset, part: Labelled, before: int | None) -> tuple[Labelled, np.ndarray]:
    """The rows that churned after an earlier horizon and by the rows' own, and whether involuntarily."""
    target = dataset.targets["churn"]
    assert target.involuntary is not None
    churned = part.labels == 1
    if before is not None:
        churned &= target.labels[part.place, target.place(before)] == 0
    kept = part.only(churned)
    return kept, target.involuntary[kept.place, target.place(part.horizon)]
