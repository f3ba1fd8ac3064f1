"""Rates: a ledger in; how often notices are withdrawn and accounts return or leave, and what who stays pays, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.history import History
from features.ledger import Ledger
from features.subscriptions import paid_subscriptions

__all__ = ["SPREAD_DAYS", "Rates", "rates_of"]

_YEAR = 365
_SHARE, _WORTH = 0.1, 5.0
"""A share that next to nothing is known of is taken to be a tenth, as if five cases had said so."""
_MONTHLY, _MONTHS = 0.02, 50.0
"""A segment's rate of leaving a month is held near everybody's, as if fifty account-months had said that, and that
near 2 % where there is hardly a history."""
_LEAD = 30
SPREAD_DAYS = 90
"""Days over which it is seen what those who stay come to pay."""
_SPREAD, _PAIRS = 0.016, 100.0
"""What an account that stays pays a quarter later varies by some eighth of it, where seats and plans are sold and
given back (0.009 to 0.016 in the companies that are simulated; the upper end, since too little would make chance look
like somebody's doing). Few accounts change at all, some by much: the squares have a kurtosis of 30 to 40, so that a
hundred accounts seen over a quarter say their mean to some 60 %. As much as those does this count, and likewise that
nobody comes to pay more."""


@dataclass(frozen=True)
class Rates:
    """What history alone says, known on a day.

    Parameters
    ----------
    withdrawn : share of the notices that came to an end one way or the other which were withdrawn.
    notice_days : median days from a notice to the end.
    returned : share of those who left that were back within the grace period.
    leaving : by segment, the rate of churn a day of an active account over the last year, as far as it was observed;
        "" for everybody.
    growth : by what share those who stay pay more 90 days later, on average over accounts.
    spread : variance of what one who stays pays then, over what it paid.
    """

    withdrawn: float
    notice_days: float
    returned: float
    leaving: Mapping[str, float]
    growth: float = 0.0
    spread: float = _SPREAD

    def leaving_of(self, segment: str | None) -> float:
        """The daily rate of a segment, everybody's where it is unknown."""
        return self.leaving.get(segment or "", self.leaving[""])


def rates_of(history: History, day: dt.date, ledger: Ledger) -> Rates:
    """The rates as known on a day, of which the ledger is."""
    at = f"DATE '{day.isoformat()}'"
    withdrawn, ended, lead = history.con.execute(
        f"""
        SELECT count(*) FILTER (WHERE withdrawn), count(*) FILTER (WHERE NOT withdrawn AND ended_on < {at}),
               median(datediff('day', notice_on, ended_on))
                   FILTER (WHERE NOT withdrawn AND ended_on < {at} AND ended_on >= notice_on)
        FROM (SELECT *, coalesce(notice_withdrawn_on >= notice_on, false) AS withdrawn
              FROM {paid_subscriptions(history, day)} WHERE notice_on IS NOT NULL)
        """
    ).fetchall()[0]
    back, left = _returns(ledger, day, history.settings.churn.grace_days)
    begin = _begin(history, day)
    growth, spread = _staying(ledger, day, begin)
    return Rates(
        _shrunk(withdrawn, withdrawn + ended),
        _LEAD if lead is None else float(lead),
        _shrunk(back, back + left),
        _leaving(ledger, day, begin, _segments(history, day)),
        growth,
        spread,
    )


def _begin(history: History, day: dt.date) -> dt.date:
    """The first day of the last year that was observed; before it nobody is seen to leave who is in no table today."""
    try:
        first = history.observed_period(day)[0]
    except TenureError:  # nothing was: nothing counts
        first = day
    return max(first, day - dt.timedelta(_YEAR))


def _segments(history: History, day: dt.date) -> dict[str, str]:
    """The segment of every account that has one."""
    found = history.con.execute(
        f"SELECT CAST(account_id AS VARCHAR), segment FROM {history.visible('accounts', day)} WHERE segment IS NOT NULL"
    ).fetchall()
    return {str(account): str(segment) for account, segment in found}


def _shrunk(cases: float, of: float) -> float:
    return (cases + _SHARE * _WORTH) / (of + _WORTH)


def _returns(ledger: Ledger, day: dt.date, grace: int) -> tuple[int, int]:
    """Gaps inside the grace period that were closed, and churns whose grace is over."""
    steps = ledger.steps
    same = steps["account_id"].eq(steps["account_id"].shift(-1))
    gap = (steps["from_on"].shift(-1) - steps["until_on"]).dt.days
    over = ledger.periods["churned"].astype(bool) & ((pd.Timestamp(day) - ledger.periods["left_on"]).dt.days >= grace)
    return int((same & (gap > 0) & (gap < max(grace, 1))).sum()), int(over.sum())


def _staying(ledger: Ledger, day: dt.date, begin: dt.date) -> tuple[float, float]:
    """Growth and spread of what is paid 90 days on: over quarters back from the day, none before the first one."""
    ratios = [np.empty(0)]
    last = day - dt.timedelta(1)
    while (start := last - dt.timedelta(SPREAD_DAYS)) >= begin:
        paid, later = (mrr[mrr > 0] for mrr in (ledger.mrr_on(start), ledger.mrr_on(last)))
        ratios.append((later / paid).dropna().to_numpy(dtype=np.float64))  # of who paid on both days
        last = start - dt.timedelta(1)
    ratio = np.concatenate(ratios)
    more = ratio - ratio.mean() if len(ratio) else ratio
    of = len(ratio) + _PAIRS
    return float((ratio - 1).sum()) / of, (float(more @ more) + _SPREAD * _PAIRS) / of


def _leaving(ledger: Ledger, day: dt.date, first: dt.date, segments: Mapping[str, str]) -> dict[str, float]:
    """By segment and for everybody, churns over days as a customer since the first of the days that count."""
    end, begin = pd.Timestamp(day), pd.Timestamp(first)
    periods = ledger.periods
    left = periods["left_on"].where(periods["left_on"] < end, end)
    began = periods["began_on"].where(periods["began_on"] > begin, begin)
    days = (left - began).dt.days.clip(lower=0)
    churned = periods["churned"].astype(bool) & (periods["left_on"] >= begin) & (periods["left_on"] < end)
    of = periods["account_id"].map(lambda account: segments.get(account) or "").to_numpy(dtype=object)
    prior = _MONTHLY / 30.44
    everybody = (float(churned.sum()) + prior * 30.44 * _MONTHS) / (float(days.sum()) + 30.44 * _MONTHS)
    found = {"": everybody}
    for segment in np.unique(of[of != ""]):
        mine = of == segment
        weight = 30.44 * _MONTHS
        found[str(segment)] = (float(churned[mine].sum()) + everybody * weight) / (float(days[mine].sum()) + weight)
    return found
