"""Rates: a ledger in; how often notices were withdrawn, accounts came back in time and customers left, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.history import History
from features.ledger import Ledger
from features.subscriptions import paid_subscriptions

__all__ = ["Rates", "rates_of"]

_YEAR = 365
_SHARE, _WORTH = 0.1, 5.0
"""A share that next to nothing is known of is taken to be a tenth, as if five cases had said so."""
_MONTHLY, _MONTHS = 0.02, 50.0
"""A segment's rate of leaving a month is held near everybody's, as if fifty account-months had said that, and that
near 2 % where there is hardly a history."""
_LEAD = 30


@dataclass(frozen=True)
class Rates:
    """What history alone says, known on a day.

    Parameters
    ----------
    withdrawn : share of the notices that came to an end one way or the other which were withdrawn.
    notice_days : median days from a notice to the end.
    returned : share of those who left that were back within the grace period.
    leaving : by segment, the rate of churn a day of an active account over the last year; "" for everybody.
    """

    withdrawn: float
    notice_days: float
    returned: float
    leaving: Mapping[str, float]

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
    return Rates(
        _shrunk(withdrawn, withdrawn + ended),
        _LEAD if lead is None else float(lead),
        _shrunk(back, back + left),
        _leaving(ledger, day, _segments(history, day)),
    )


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


def _leaving(ledger: Ledger, day: dt.date, segments: Mapping[str, str]) -> dict[str, float]:
    """By segment and for everybody, churns over days as a customer in the last year."""
    end, begin = pd.Timestamp(day), pd.Timestamp(day) - pd.Timedelta(days=_YEAR)
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
