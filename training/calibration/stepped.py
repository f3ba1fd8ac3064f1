"""Calibration by steps, for comparison only: flat stretches and jumps would break explanations."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

__all__ = ["STEPPED", "Stepped", "stepped_probabilities"]

Stepped = Literal["isotonic", "venn_abers"]
STEPPED: tuple[Stepped, ...] = ("isotonic", "venn_abers")

_GRID = expit(np.linspace(-12, 12, 301))


def stepped_probabilities(
    method: Stepped, margins: np.ndarray, labels: np.ndarray, new_margins: np.ndarray
) -> np.ndarray:
    """Probabilities, (m,), of (m,) new margins, learned from (n,) margins and labels of 0 and 1.

    Notes
    -----
    "isotonic" is held half an event away from 0 and 1, since one miss at 0 would make its log loss infinite.
    "venn_abers" is the inductive Venn-Abers predictor (Vovk, Petej and Fedorova 2015, arXiv:1511.00213): the
    isotonic value of the new margin, once as if it had churned (p1) and once as if it had stayed (p0), merged
    for the log loss into p1 / (1 - p0 + p1); found to 0.08 in log-odds.
    """
    f, y = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    new = np.asarray(new_margins, dtype=np.float64)
    if method == "isotonic":
        edge = 0.5 / (len(y) + 1)
        steps = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(f, y)
        return np.asarray(steps.predict(new), dtype=np.float64)
    stayed, churned = (_with_new_row(f, y, new, label) for label in (0.0, 1.0))
    return churned / (1 - stayed + churned)


def _with_new_row(f: np.ndarray, y: np.ndarray, new: np.ndarray, label: float) -> np.ndarray:
    """The isotonic value at each new margin were it added alone with this label, (m,).

    The value is above a level v exactly where the least of sum(y - v) over all starts up to the new row is
    taken before it, so that running minima from both ends answer for all places at once.
    """
    values, first = np.unique(f, return_inverse=True)
    rows = np.concatenate([[0.0], np.cumsum(np.bincount(first, minlength=len(values)))])
    events = np.concatenate([[0.0], np.cumsum(np.bincount(first, y, minlength=len(values)))])
    before = np.searchsorted(values, new, side="left")  # ties with the new row are on its own step
    after = np.searchsorted(values, new, side="right")
    above = np.zeros(len(new))
    for level in _GRID:
        height = events - level * rows
        ahead = np.minimum.accumulate(height)[before]
        behind = np.minimum.accumulate(height[::-1])[::-1][after] + label - level
        above += ahead <= behind
    return np.asarray(expit(np.interp(above - 0.5, np.arange(len(_GRID)), logit(_GRID))), dtype=np.float64)
