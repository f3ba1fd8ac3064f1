"""Warning: scores of rows and when their accounts left in; how long before it each score put them on its list out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Warned", "Warnings", "listed", "warnings_of"]


@dataclass(frozen=True)
class Warned:
    """How one score warned of the accounts that left.

    Parameters
    ----------
    share : of the accounts that left, those on the list at least once in the days before.
    days : median over those, from the first time on the list to the notice; NaN where there is none.
    mean_days : the same on average over all that left, 0 for those never on the list: what tells scores apart also
        where one of them warns early of few and another late of many.
    """

    share: float
    days: float
    mean_days: float


@dataclass(frozen=True)
class Warnings:
    """How several scores warned of the same accounts.

    Parameters
    ----------
    left : accounts that left; one that left twice counts twice.
    looked_back : only the list in so many days before the notice counts; an earlier one may be luck.
    capacity : length of a day's list; a score with fewer accounts lists those.
    flagged : share of a day's accounts that are on the list, mean over days.
    step_days : median number of days between the days with a list; NaN where there is one only.
    scores : by name.
    by_lot : a list drawn by lot each day.
    """

    left: int
    looked_back: int
    capacity: int
    flagged: float
    step_days: float
    scores: dict[str, Warned]
    by_lot: Warned


def warnings_of(
    scores: Mapping[str, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    days_left: np.ndarray,
    horizon: int,
    capacity: int,
) -> Warnings:
    """Follow the accounts that left through each score's daily lists of its `capacity` worst accounts.

    Of accounts with equal scores on the list's last places those listed are drawn by lot, each day anew, and what is
    told is the expectation over the lots; so a score of few values does not win by the order of the rows.

    Parameters
    ----------
    scores : by name, (n,) risk, the higher the worse; NaN is never listed.
    accounts, as_of : (n,) the account and day of each row.
    days_left : (n,) days from as_of to the notice, or to the end where none was given; NaN for who stayed.
    horizon : how many days before the notice are looked at.

    Raises
    ------
    ValueError : an array does not fit the rows.
    """
    as_of = np.asarray(as_of).astype("datetime64[D]")
    days_left = np.asarray(days_left, dtype=np.float64)
    for name, risk in {"accounts": accounts, "days_left": days_left, **scores}.items():
        if np.shape(risk) != as_of.shape:
            raise ValueError(f"{name} must have one value for each row.")
    days, day = np.unique(as_of, return_inverse=True)
    before = np.flatnonzero((days_left >= 0) & (days_left < horizon))
    # One number for each account and the day it gave notice on; its rows ascend in time, since days_left falls.
    owner = np.unique(np.asarray(accounts), return_inverse=True)[1]
    gone = as_of[before].astype(np.int64) + days_left[before].astype(np.int64)
    leaver = np.unique(np.column_stack([owner[before], gone]), axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((-days_left[before], leaver))
    rows, leaver = before[order], leaver[order]
    count = np.bincount(day, minlength=len(days))
    lot = (np.minimum(capacity, count) / np.maximum(count, 1))[day]
    return Warnings(
        left=int(leaver[-1]) + 1 if len(leaver) else 0,
        looked_back=horizon,
        capacity=capacity,
        flagged=float(np.mean(np.minimum(capacity, count) / count)) if len(days) else math.nan,
        step_days=float(np.median(np.diff(days).astype(np.int64))) if len(days) > 1 else math.nan,
        scores={
            name: _warned(listed(np.asarray(risk, dtype=np.float64), day, capacity)[rows], leaver, days_left[rows])
            for name, risk in scores.items()
        },
        by_lot=_warned(lot[rows], leaver, days_left[rows]),
    )


def listed(risk: np.ndarray, day: np.ndarray, capacity: int) -> np.ndarray:
    """(n,) each row's chance to be among its day's `capacity` worst: 1, 0, or the share that fits of equal ones.

    Parameters
    ----------
    risk : (n,) the higher the worse; NaN is never listed.
    day : (n,) number of each row's day.
    """
    chance = np.zeros(len(risk))
    known = np.flatnonzero(~np.isnan(risk))
    for rows in np.split(known[np.argsort(day[known], kind="stable")], np.cumsum(np.bincount(day[known]))[:-1]):
        if not len(rows):
            continue
        most = min(capacity, len(rows))
        border = np.partition(risk[rows], len(rows) - most)[len(rows) - most]
        above, equal = risk[rows] > border, risk[rows] == border
        chance[rows] = np.where(above, 1.0, np.where(equal, (most - above.sum()) / equal.sum(), 0.0))
    return chance


def _warned(chance: np.ndarray, leaver: np.ndarray, days_left: np.ndarray) -> Warned:
    """From each row's chance to be listed; rows ascend by who left, and in time."""
    if not len(chance):
        return Warned(math.nan, math.nan, math.nan)
    first = np.zeros(len(chance))
    starts = np.append(np.flatnonzero(np.diff(leaver, prepend=-1)), len(leaver))
    for start, end in pairwise(starts.tolist()):
        not_yet = 1.0
        for place in range(start, end):
            first[place] = not_yet * chance[place]
            not_yet *= 1 - chance[place]
    total, left = float(first.sum()), len(starts) - 1
    if total <= 0:
        return Warned(0.0, math.nan, 0.0)
    order = np.argsort(days_left, kind="stable")
    reached = np.cumsum(first[order])
    # Halfway between two days where half of them lie on either side; a rounding must not decide that.
    half, slack = reached[-1] / 2, 1e-9 * reached[-1]
    low, high = np.searchsorted(reached, [half - slack, half + slack], side="left")
    median = (days_left[order][low] + days_left[order][min(high, len(order) - 1)]) / 2
    return Warned(total / left, float(median), float(first @ days_left) / left)
