"""Stability: scores of the same accounts on several days in; how much of the list stays from day to day out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from training.evaluation.figures import Figure, figure_of, resample

__all__ = ["Stability", "list_stability"]


@dataclass(frozen=True)
class Stability:
    """How a list of the riskiest accounts changes from one as_of day to the next.

    Parameters
    ----------
    step_days : median number of days between neighbouring as_of days; all the figures are per such step.
    steps : pairs of neighbouring days.
    capacity : length of the list; a day with fewer accounts is listed whole.
    stays : of the listed accounts that are scored on the next day too, the share that is listed again.
    by_chance : the same for lists drawn by lot.
    change : mean |change of log-odds| over all accounts scored on both days.
    """

    step_days: float
    steps: int
    capacity: int
    stays: Figure
    by_chance: float
    change: Figure


def list_stability(
    p: np.ndarray,
    accounts: np.ndarray,
    as_of: np.ndarray,
    capacity: int = 25,
    *,
    resamples: int = 2000,
    seed: int = 20240229,
) -> Stability | None:
    """Follow the accounts of (n,) rows from each as_of day to the next; None where there is no next day.

    Of accounts with equal probabilities on the list's last place, the first by id is listed. The lists are
    those that were worked, so resampling the accounts does not draw them up again.

    Raises
    ------
    ValueError : an account has two rows on a day.
    """
    names, owner = np.unique(np.asarray(accounts), return_inverse=True)
    days, day = np.unique(np.asarray(as_of).astype("datetime64[D]"), return_inverse=True)
    if len(days) < 2:
        return None
    if len(np.unique(day * len(names) + owner)) < len(owner):
        raise ValueError("An account must not have two rows on one as_of day.")
    score = np.full((len(days), len(names)), np.nan)
    score[day, owner] = logit(np.asarray(p, dtype=np.float64))
    scored = ~np.isnan(score)
    place = np.argsort(np.argsort(np.where(scored, -score, np.inf), axis=1, kind="stable"), axis=1, kind="stable")
    listed = scored & (place < capacity)
    both = scored[:-1] & scored[1:]
    again, due = listed[:-1] & listed[1:], listed[:-1] & both
    moved = np.where(both, np.abs(np.where(both, score[1:] - score[:-1], 0)), 0)
    sums = np.column_stack([part.sum(axis=0) for part in (again, due, moved, both)]).astype(np.float64)
    lots = (due * (listed[1:].sum(axis=1) / np.maximum(scored[1:].sum(axis=1), 1))[:, None]).sum()
    values, samples = resample({"list": _Ratios(sums)}, len(names), len(names), resamples, seed)
    return Stability(
        step_days=float(np.median(np.diff(days).astype(np.int64))),
        steps=len(days) - 1,
        capacity=capacity,
        stays=figure_of(values["list"]["stays"], samples["list"]["stays"]),
        by_chance=float(lots / due.sum()) if due.any() else float("nan"),
        change=figure_of(values["list"]["change"], samples["list"]["change"]),
    )


class _Ratios:
    def __init__(self, sums: np.ndarray) -> None:
        self._sums = sums

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        again, due, moved, both = (counts @ self._sums).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"stays": again / due, "change": moved / both}
