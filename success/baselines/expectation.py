"""Expectation: what was expected of accounts month by month in; what was expected of them until any day out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from success.periods import month_of, months_after

__all__ = ["COLUMNS", "MONTHS", "SHARED", "Expectation", "Moments", "Months"]

MONTHS = 12
"""Months that a baseline speaks of; what is asked beyond them goes on at the same pace."""

COLUMNS = (
    "account_id",
    "csm_id",
    "kind",
    "period",
    "as_of",
    "model_version",
    "source",
    "reconstructed",
    "own_book_left_out",
    "segment",
    "mrr",
)
SHARED = ("level_sd", "shock_sd", "growth_sd")
"""Errors that all accounts share: of expected losses from calibration, relative; of log hazards, between periods; of
the revenue of who is retained, relative."""


class Months(NamedTuple):
    """(n, K) what is expected of n accounts by the end of each of K months from the base day on.

    Attributes
    ----------
    churn : probability of having left.
    kept_exit : expected MRR on the month's last day, given that the account is retained.
    revenue : expected revenue from the base day on.
    kept_revenue : the same, given that the account is retained.
    var_exit, var_revenue : of the MRR then and of the revenue until then, by the account's own randomness.
    """

    churn: np.ndarray
    kept_exit: np.ndarray
    revenue: np.ndarray
    kept_revenue: np.ndarray
    var_exit: np.ndarray
    var_revenue: np.ndarray


class Moments(NamedTuple):
    """(n,) what was expected of each row from its base day until a day; NaN where that day does not lie after it.

    Attributes
    ----------
    exit : expected MRR on the day before.
    revenue : expected revenue of the days between; an account that pays 100 in a whole month has 100 of it.
    churn : probability of having left by then.
    kept_exit, kept_revenue : both, given that the account is retained.
    sd_exit, sd_revenue : standard deviation by the account's own randomness.
    """

    exit: np.ndarray
    revenue: np.ndarray
    churn: np.ndarray
    kept_exit: np.ndarray
    kept_revenue: np.ndarray
    sd_exit: np.ndarray
    sd_revenue: np.ndarray


@dataclass(frozen=True)
class Expectation:
    """What was expected of n accounts in books; it is never altered.

    Parameters
    ----------
    rows : `COLUMNS`, 0..n-1: csm_id ("" for nobody's), kind ("period" or "assignment"), period ("2025-07", or the day
        of the assignment), as_of (date: the first of a month; what was known then), model_version (None where a rate
        stands in for a model), source (model, notice, grace or rate), reconstructed (whether it was made after as_of),
        own_book_left_out (whether its model was fitted without that book), segment, mrr (on the day before as_of; of
        an account in grace, what it paid last).
    months : what is expected.
    shared : `SHARED`, aligned with rows.
    """

    rows: pd.DataFrame
    months: Months
    shared: pd.DataFrame

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: np.ndarray | Sequence[int]) -> Expectation:
        """Those at positions, or where a mask is true."""
        places = np.arange(len(self))[np.asarray(which) if len(which) else np.zeros(0, dtype=int)]
        return Expectation(
            self.rows.iloc[places].reset_index(drop=True),
            Months(*(part[places] for part in self.months)),
            self.shared.iloc[places].reset_index(drop=True),
        )

    def joined(self, *others: Expectation) -> Expectation:
        """These and others after them."""
        every = [one for one in (self, *others) if len(one)] or [self]  # no rows, no types of columns either
        return Expectation(
            pd.concat([one.rows for one in every], ignore_index=True),
            Months(*(np.concatenate(parts) for parts in zip(*(one.months for one in every), strict=True))),
            pd.concat([one.shared for one in every], ignore_index=True),
        )

    def until(self, day: dt.date | Sequence[dt.date]) -> Moments:
        """What was expected until a day, which is not part of it; one day for all, or one for each row.

        Between the ends of two months the cumulative hazard, the revenue, the variances and the MRR of who is retained
        run in straight lines. Beyond the last month hazard and growth go on at the mean pace of all months.
        """
        days = [day] * len(self) if isinstance(day, dt.date) else list(day)
        bases = list(self.rows["as_of"])
        asked = max((_months_between(base, one) for base, one in zip(bases, days, strict=True)), default=0)
        months = _extended(self.months, self.rows["mrr"].to_numpy(dtype=np.float64), asked)
        at = np.array([_place(base, one) for base, one in zip(bases, days, strict=True)]).reshape(-1, 2)
        before, part = at[:, 0].astype(int), at[:, 1]
        start = self._start()

        def line(values: np.ndarray, first: np.ndarray) -> np.ndarray:
            whole = np.column_stack([first, values])
            rows = np.arange(len(self))
            low = whole[rows, np.maximum(before, 0)]
            high = whole[rows, np.minimum(np.maximum(before, 0) + 1, whole.shape[1] - 1)]
            return np.where(before < 0, np.nan, low + part * (high - low))

        nothing = np.zeros(len(self))
        hazard = line(-np.log1p(-np.clip(months.churn, 0, 1 - 1e-12)), nothing)
        churn, kept = -np.expm1(-hazard), line(months.kept_exit, start)
        return Moments(
            kept * (1 - churn),
            line(months.revenue, nothing),
            churn,
            kept,
            line(months.kept_revenue, nothing),
            np.sqrt(np.maximum(line(months.var_exit, nothing), 0)),
            np.sqrt(np.maximum(line(months.var_revenue, nothing), 0)),
        )

    def _start(self) -> np.ndarray:
        """(n,) what each pays on the day before its base day; who is in grace pays nothing then."""
        mrr = self.rows["mrr"].to_numpy(dtype=np.float64)
        return np.where(self.rows["source"] == "grace", 0.0, mrr)

    def to_frame(self) -> pd.DataFrame:
        """One row each: `COLUMNS`, `SHARED`, and for each part of `Months` a list of numbers."""
        lists = {name: pd.Series([*part.tolist()], dtype=object) for name, part in self.months._asdict().items()}
        return pd.concat([self.rows, self.shared, pd.DataFrame(lists)], axis=1)

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Expectation:
        """What `to_frame` gave."""
        if frame.empty:
            return cls.empty()
        months = Months(
            *(np.array([*frame[name]], dtype=np.float64).reshape(len(frame), -1) for name in Months._fields)
        )
        frame = frame.reset_index(drop=True)
        return cls(frame[list(COLUMNS)], months, frame[list(SHARED)].astype(np.float64))

    @classmethod
    def empty(cls) -> Expectation:
        """Of nobody."""
        nothing: dict[str, Any] = {name: pd.Series(dtype=object) for name in COLUMNS}
        months = Months(*(np.zeros((0, MONTHS)) for _ in Months._fields))
        return cls(pd.DataFrame(nothing), months, pd.DataFrame({name: np.zeros(0) for name in SHARED}))


def _months_between(base: dt.date, day: dt.date) -> int:
    """Months that must be known to tell of the days `[base, day)`."""
    last = month_of(day - dt.timedelta(1))
    return 12 * (last.year - base.year) + last.month - base.month + 1


def _place(base: dt.date, day: dt.date) -> tuple[int, float]:
    """The months that are over on a day, and the part of the next one that is; -1 where the day is not after base."""
    if day <= base:
        return -1, 0.0
    count = _months_between(base, day)
    begin, end = months_after(base, count - 1), months_after(base, count)
    return count - 1, (day - begin).days / (end - begin).days


def _extended(months: Months, mrr: np.ndarray, asked: int) -> Months:
    """The same for at least so many months."""
    known = months.churn.shape[1]
    if asked <= known or not known:
        return months
    further = np.arange(known + 1, asked + 1)[None, :] / known
    hazard = -np.log1p(-np.clip(months.churn[:, -1:], 0, 1 - 1e-12))
    churn = -np.expm1(-hazard * further)
    last = months.kept_exit[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = np.where((mrr[:, None] > 0) & (last > 0), last / mrr[:, None], 1.0)
    kept = last * grown ** (further - 1)
    # A month's revenue is what is expected at its end: within a month neither hazard nor growth does much.
    revenue = months.revenue[:, -1:] + np.cumsum(kept * (1 - churn), axis=1)
    kept_revenue = months.kept_revenue[:, -1:] + np.cumsum(kept, axis=1)
    p = months.churn[:, -1:]
    own = np.maximum(months.var_exit[:, -1:] - p * (1 - p) * last**2, 0) / np.maximum(1 - p, 1e-12)
    var_exit = churn * (1 - churn) * kept**2 + (1 - churn) * own * further
    # What is still uncertain after a time adds up to the cube of it, as long as few have left.
    var_revenue = np.minimum(months.var_revenue[:, -1:] * further**3, kept_revenue**2 / 4)
    more = (churn, kept, revenue, kept_revenue, var_exit, np.maximum(var_revenue, months.var_revenue[:, -1:]))
    return Months(*(np.column_stack([first, second]) for first, second in zip(months, more, strict=True)))
