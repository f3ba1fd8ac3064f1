"""Managed: what accounts pay and who or what they belong to in; the revenue of each month that was managed, out.

What accounts belong to comes as steps of the ledger cut where that changes: account_id, from_on, until_on (half-open;
NaT: goes on), cents, group.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["held_on", "managed_revenue"]

_TIMES = ["from_on", "until_on"]


def managed_revenue(belonging: Mapping[str, pd.DataFrame], start: dt.date, until: dt.date) -> pd.DataFrame:
    """The revenue of each month, by all that its accounts belonged to on each of its days.

    The revenue of a day is the MRR on it / days in its month; what a lost account paid stays in the months in which it
    paid.

    Parameters
    ----------
    belonging : by name, the same steps cut by that.
    start, until : the days `[start, until)`.

    Returns
    -------
    Columns month (datetime64[us], its first day), one for each name (str), cents (float); one row for each combination
    in which somebody had a subscription.
    """
    first, *others = belonging.items()
    parts = _clipped(first[1], start, until).rename(columns={"group": first[0]})
    for name, steps in others:
        cut = _clipped(steps, start, until).drop(columns="cents").rename(columns={"group": name})
        met = parts.merge(cut, on="account_id", suffixes=("", "_cut"))
        met["from_on"] = met[["from_on", "from_on_cut"]].max(axis=1)
        met["until_on"] = met[["until_on", "until_on_cut"]].min(axis=1)
        parts = met[met["from_on"] < met["until_on"]].drop(columns=["from_on_cut", "until_on_cut"])
    parts = _by_month(parts)
    days = (parts["until_on"] - parts["from_on"]).dt.days
    parts["cents"] = parts["cents"] * days / parts["month"].dt.days_in_month
    return parts.groupby(["month", *belonging])["cents"].sum().reset_index()


def held_on(accounts: pd.Series, days: pd.Series | dt.date, steps: pd.DataFrame) -> pd.Series:
    """What accounts belong to on a day, or each on a day of its own; "" without a subscription on it.

    Returns
    -------
    Aligned with accounts: str.
    """
    asked = pd.DataFrame({"account_id": accounts.to_numpy(), "_place": np.arange(len(accounts))})
    asked["_on"] = pd.Timestamp(days).as_unit("us") if isinstance(days, dt.date) else days.to_numpy("datetime64[us]")
    met = asked.merge(steps[["account_id", "group", *_TIMES]], on="account_id")
    met = met[(met["from_on"] <= met["_on"]) & ~(met["until_on"] <= met["_on"])]
    found = met.drop_duplicates("_place").set_index("_place")["group"].reindex(asked["_place"])
    return pd.Series(found.astype(object).where(found.notna(), "").to_numpy(), index=accounts.index, dtype="str")


def _clipped(steps: pd.DataFrame, start: dt.date, until: dt.date) -> pd.DataFrame:
    """The parts of steps that lie in `[start, until)`."""
    first, last = pd.Timestamp(start).as_unit("us"), pd.Timestamp(until).as_unit("us")
    begins = steps["from_on"].where(steps["from_on"] > first, first)
    ends = steps["until_on"].where(steps["until_on"] < last, last)
    clipped = steps.assign(from_on=begins, until_on=ends)[begins < ends]
    return clipped[["account_id", *_TIMES, "cents", "group"]]


def _by_month(parts: pd.DataFrame) -> pd.DataFrame:
    """Each part cut where a month begins, with the month."""
    first = parts["from_on"].to_numpy("datetime64[M]")
    last = (parts["until_on"] - pd.Timedelta(days=1)).to_numpy("datetime64[M]")
    count = (last - first).astype(np.int64) + 1
    cut = parts.loc[parts.index.repeat(count)].reset_index(drop=True)
    nth = np.arange(len(cut)) - np.repeat(np.cumsum(count) - count, count)
    month = np.repeat(first, count) + nth
    cut["month"] = month.astype("datetime64[us]")
    cut["from_on"] = cut[["from_on", "month"]].max(axis=1)
    cut["next"] = (month + 1).astype("datetime64[us]")
    cut["until_on"] = cut[["until_on", "next"]].min(axis=1)
    return cut.drop(columns="next")
