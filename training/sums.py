"""Sums: what was expected of each row and what came of it in; their sums by group, with an interval, out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

__all__ = ["Sum", "compare_sums", "deciles"]

_Z90 = 1.6448536269514722
_FEW = 10


@dataclass(frozen=True)
class Sum:
    """What was expected of a group of rows and what came of it.

    Parameters
    ----------
    group : "all", or the name of the group.
    rows, accounts : how many.
    expected, realised : sums over the rows.
    ratio, low, high : realised over expected with its 90 % interval; NaN where nothing was expected.
    """

    group: str
    rows: int
    accounts: int
    expected: float
    realised: float
    ratio: float
    low: float
    high: float

    @property
    def within(self) -> bool:
        """Whether the interval holds 1."""
        return bool(self.low <= 1 <= self.high)


def compare_sums(
    expected: np.ndarray,
    realised: np.ndarray,
    accounts: np.ndarray,
    groups: np.ndarray | None = None,
    relative_error: float = 0.0,
    counts: bool = False,
) -> list[Sum]:
    """Set sums of expected and realised amounts side by side.

    Parameters
    ----------
    expected, realised : (n,) amounts; rows where either is NaN are left out.
    accounts : (n,) whose rows they are: an account's rows stand or fall together.
    groups : (n,) names; only the sum over all rows when not given.
    relative_error : standard error of all expected amounts together, as a share of them, which a calibration block of
        limited size leaves.
    counts : the amounts realised are 0 or 1 a row, so that few of them can be told from none.

    Notes
    -----
    A ratio of sums R / E over accounts has the standard error sqrt(sum_a (R_a - (R / E) E_a)^2) / E, by the delta
    method (Cochran, Sampling Techniques, 1977, section 6.4, without the finite-population correction). Fewer than ten
    accounts with an event spread as a Poisson count does: their interval is Garwood's (1936), in units of the mean
    number of rows that an account with an event has.
    """
    known = ~(np.isnan(expected) | np.isnan(realised))
    names = np.full(len(expected), "all", dtype=object) if groups is None else np.asarray(groups, dtype=object)
    found = []
    repeats = _rows_an_event(realised[known], np.asarray(accounts)[known]) if counts else 1.0
    for name in ["all"] if groups is None else sorted(set(names[known].tolist())):
        mine = known & (names == name)
        owner = np.unique(np.asarray(accounts)[mine], return_inverse=True)[1]
        total, came = float(expected[mine].sum()), float(realised[mine].sum())
        if not mine.any() or total <= 0:
            found.append(Sum(str(name), int(mine.sum()), 0, total, came, math.nan, math.nan, math.nan))
            continue
        ratio = came / total
        rest = np.bincount(owner, realised[mine]) - ratio * np.bincount(owner, expected[mine])
        error = math.hypot(math.sqrt(float(np.sum(rest**2))) / total, ratio * relative_error)
        low, high = max(ratio - _Z90 * error, 0.0), ratio + _Z90 * error
        if counts and came / repeats < _FEW:
            low, high = _few(came / repeats, total / repeats, relative_error)
        found.append(Sum(str(name), int(mine.sum()), int(owner.max()) + 1, total, came, ratio, low, high))
    return found


def _rows_an_event(realised: np.ndarray, accounts: np.ndarray) -> float:
    """How many rows an account with an event has, on average."""
    return max(float(realised.sum()) / max(len(np.unique(accounts[realised > 0])), 1), 1.0)


def _few(events: float, expected: float, relative_error: float) -> tuple[float, float]:
    """Garwood's 90 % interval of events over expected, widened by the error of what was expected."""
    low = float(chi2.ppf(0.05, 2 * events)) / 2 / expected if events > 0 else 0.0
    high = float(chi2.ppf(0.95, 2 * events + 2)) / 2 / expected
    wider = math.exp(_Z90 * relative_error)
    return low / wider, high * wider


def deciles(p: np.ndarray) -> np.ndarray:
    """(n,) names "01 (lowest)" to "10 (highest)" of tenths of the rows by probability, ties by position."""
    rank = np.empty(len(p), dtype=int)
    rank[np.argsort(p, kind="stable")] = np.arange(len(p))
    tenth = rank * 10 // max(len(p), 1) + 1
    words = {1: "01 (lowest)", 10: "10 (highest)"}
    return np.array([words.get(t, f"{t:02d}") for t in tenth.tolist()], dtype=object)
