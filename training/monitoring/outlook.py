"""Outlook: what the probabilities themselves promise, before any label has matured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Outlook", "outlook"]


@dataclass(frozen=True)
class Outlook:
    """What one day's probabilities promise if they are right.

    Parameters
    ----------
    rate, log_loss : expected churn rate and log loss.
    auc : expected; None where all probabilities are the same.
    holdout_log_loss, holdout_auc : of the recipe on its holdout, where they are known.
    """

    horizon: int
    rows: int
    rate: float
    log_loss: float
    auc: float | None
    holdout_log_loss: float | None
    holdout_auc: float | None


def outlook(horizon: int, probabilities: np.ndarray, holdout: dict[str, float]) -> Outlook:
    """Expected figures of (n,) calibrated probabilities, n > 0.

    Notes
    -----
    The expected log loss of a calibrated p is its entropy. The expected AUC gives every row the weight p among those
    that churn and 1 - p among those that stay. Both fall silent on what breaks calibration itself: they tell whether
    today's accounts are harder to tell apart, not whether the model has become wrong.
    """
    p = np.sort(probabilities)
    loss = float(-np.mean(p * np.log(p) + (1 - p) * np.log1p(-p)))
    values, start = np.unique(p, return_index=True)
    churn, stay = np.add.reduceat(p, start), np.add.reduceat(1 - p, start)
    below = np.cumsum(stay) - stay
    auc = None
    if len(values) > 1:
        # A row cannot be paired with itself, so its own weight is taken off those with equal probability.
        tied = 0.5 * (churn * stay - np.add.reduceat(p * (1 - p), start))
        pairs = churn.sum() * stay.sum() - float(np.sum(p * (1 - p)))
        auc = float((np.sum(churn * below) + tied.sum()) / pairs)
    return Outlook(horizon, len(p), float(p.mean()), loss, auc, holdout.get("log_loss"), holdout.get("auc"))
