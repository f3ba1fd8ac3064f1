"""Fates: a ledger and accounts in; which of them left by a day, how, and what they paid until then, out."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd

from features.ledger import Ledger

__all__ = ["fates_of", "mrr_at", "returns_of", "without_returns"]


def fates_of(ledger: Ledger, asked: pd.DataFrame) -> pd.DataFrame:
    """What became of accounts that were customers, or in grace, on a day.

    Parameters
    ----------
    asked : account_id, since (datetime64: the day), until (datetime64: what happens on it or later has not happened).

    Returns
    -------
    In the order of asked: left_on (datetime64[us]; the end of the period as a customer that began last before `since`;
    NaT where it goes on until `until`), left (bool: that end was a churn), ended (bool: it was another end, completed,
    merged or superseded, which is none), known (bool: there is such a period).
    """
    frame = asked.assign(place=np.arange(len(asked))).astype({"account_id": "str", "since": "datetime64[us]"})
    periods = ledger.periods.sort_values("began_on", kind="stable")
    found = pd.merge_asof(
        frame.sort_values("since", kind="stable"),
        periods.astype({"account_id": "str"}),
        left_on="since",
        right_on="began_on",
        by="account_id",
    ).sort_values("place", ignore_index=True)
    over = found["left_on"] < found["until"].astype("datetime64[us]")
    churned = found["churned"].eq(True)
    return pd.DataFrame(
        {
            "left_on": found["left_on"].where(over),
            "left": over & churned,
            "ended": over & ~churned,
            "known": found["began_on"].notna(),
        }
    )


def without_returns(ledger: Ledger, gone: pd.Series) -> Ledger:
    """A ledger in which accounts that left never come back.

    Parameters
    ----------
    gone : datetime64 by account_id: the day on which each left.
    """
    left_on = gone.reindex(ledger.steps["account_id"]).set_axis(ledger.steps.index)
    return replace(ledger, steps=ledger.steps[~(ledger.steps["from_on"] >= left_on)])


def mrr_at(ledger: Ledger, account_id: pd.Series, day: pd.Series) -> np.ndarray:
    """(n,) MRR of an account on a day each, 0 where it pays nothing, in units of the currency."""
    asked = pd.DataFrame({"account_id": account_id.astype("str").to_numpy(), "day": day.to_numpy("datetime64[us]")})
    asked = asked.astype({"account_id": "str"}).assign(place=np.arange(len(account_id)))
    found = pd.merge_asof(
        asked.sort_values("day", kind="stable"),
        ledger.steps.astype({"account_id": "str"}).sort_values("from_on", kind="stable"),
        left_on="day",
        right_on="from_on",
        by="account_id",
    ).sort_values("place")
    covered = found["from_on"].notna() & ~(found["until_on"] <= found["day"])
    return np.asarray((found["cents"] / 100).where(covered, 0.0), dtype=np.float64)


def returns_of(ledger: Ledger, start: dt.date, until: dt.date) -> pd.DataFrame:
    """Accounts that came back on one of the days `[start, until)` after a churn.

    Returns
    -------
    account_id, left_on, returned_on (datetime64[us]); sorted by both.
    """
    periods = ledger.periods
    before = periods.groupby("account_id")[["left_on", "churned"]].shift()
    back = before["churned"].eq(True)
    back &= (periods["began_on"] >= pd.Timestamp(start)) & (periods["began_on"] < pd.Timestamp(until))
    return pd.DataFrame(
        {
            "account_id": periods["account_id"],
            "left_on": before["left_on"],
            "returned_on": periods["began_on"],
        }
    )[back].reset_index(drop=True)
